internal import LogsClient
internal import LogsSystem
internal import LogsWire

/// Appends to streams in turn, as one service does: encodes one batch after the other, with several in flight.
struct BulkAppend {
  let client: LogClient
  /// The streams, which get a batch in turn; at least one.
  let streams: [StreamName]
  let batchEntryCount: Int

  /// How many batches are in flight: as many as the protocol allows a producer on a stream. With more, the latency
  /// would include waiting in the client.
  static let inFlightCount = 32

  private struct Sent {
    let pending: PendingAppend
    let at: MonotonicTime
    let entryCount: Int
    let byteCount: UInt64
  }

  /// - Parameter meter: records each batch when it is durable, with the time since the client got its lines.
  func run(_ entryCount: UInt64, _ reader: inout CorpusReader, _ meter: Meter) async throws {
    let window = BatchWindow(Self.inFlightCount)
    let (queue, sent) = AsyncStream.makeStream(of: Sent.self)
    // Acknowledgements of one stream come in order, those of several nearly so.
    let receiving = Task {
      defer { window.close() }
      for await batch in queue {
        _ = try await batch.pending.receipt
        meter.record(
          MonotonicTime.now().nanoseconds(since: batch.at), entryCount: UInt64(batch.entryCount),
          byteCount: batch.byteCount)
        window.leave()
      }
    }
    try await withTaskCancellationHandler {
      do { try await send(entryCount, &reader, window, sent) } catch {
        receiving.cancel()
        throw error
      }
      try await receiving.value
    } onCancel: {
      receiving.cancel()
    }
  }

  private func send(
    _ entryCount: UInt64, _ reader: inout CorpusReader, _ window: BatchWindow, _ sent: AsyncStream<Sent>.Continuation
  ) async throws {
    defer { sent.finish() }
    var rest = entryCount
    var turn = 0
    // The window is closed: the receiving task throws what failed.
    while rest > 0, await window.enter() {
      let count = Int(min(rest, UInt64(batchEntryCount)))
      let start = MonotonicTime.now()
      var byteCount: UInt64 = 0
      let entries = reader.next(count, byteCount: &byteCount)
      let pending = try await client.submit(entries, to: streams[turn])
      turn = turn + 1 == streams.count ? 0 : turn + 1
      sent.yield(Sent(pending: pending, at: start, entryCount: count, byteCount: byteCount))
      rest -= UInt64(count)
    }
  }
}
