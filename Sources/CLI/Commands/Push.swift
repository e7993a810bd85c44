internal import LogsClient
internal import LogsText
internal import LogsWire
internal import Synchronization

/// Reads, sends and waits concurrently: reading never waits for an acknowledgement, only for room in the producer's
/// queue.
final class Push: Sendable {
  struct Summary: Sendable {
    var entryCount: UInt64 = 0
    var first: UInt64?
    var last: UInt64 = 0
    /// Entries that were in the spool before.
    var restoredCount: UInt64 = 0
    /// Whether the numbers of all entries are known.
    var isWhole = true

    func text(_ stream: StreamName, isComplete: Bool) -> String {
      let seal = isComplete ? "; the stream is complete" : ""
      let others = Figures.count(restoredCount, "entry of an earlier push is", "entries of an earlier push are")
      let earlier = restoredCount == 0 ? "" : "; \(others) acknowledged as well"
      guard !isWhole || first != nil else { return "0 entries for \(stream): no lines\(earlier)\(seal)" }
      let entries = Figures.count(entryCount, "entry", "entries")
      return "\(entries) of \(stream) acknowledged\(isWhole ? numbers : "")\(earlier)\(seal)"
    }

    /// To be put behind a count of entries.
    var numbers: String {
      guard let first else { return "" }
      return first == last ? ", sequence number \(first)" : ", sequence numbers \(first) to \(last)"
    }
  }

  private let producer: LogProducer
  private let hasSpool: Bool
  private let form: EntryForm
  /// What is acknowledged.
  private let acknowledged = Mutex(Summary())
  private let changes = Mutex(LineChanges())
  private let batchLineCountMax: Int
  /// About how many batches have a receipt that is awaited.
  private let openBatchCount = Atomic<Int>(0)
  /// Whether some batches have no receipt.
  private let skipsReceipts = Atomic<Bool>(false)
  private let isInputRead = Atomic(false)

  /// Lines handed over together.
  private static let lineCountMax = 1_000
  /// Fewer lines are handed over together if they have this many bytes.
  private static let byteCountMax = 512 << 10
  /// How many receipts are awaited with a spool, which takes whatever is read. (Without a spool the queue is the
  /// limit.) Beyond it, batches get no receipt: memory stays flat, and the sequence numbers are not reported.
  private static let openBatchCountMax = 4_096

  /// Entries that were handed over and whose receipt is awaited.
  private struct Handed: Sendable {
    let pending: PendingAppend
    let batchCount: Int
    let changes: LineChanges
  }

  init(producer: LogProducer, configuration: LogProducerConfiguration, form: EntryForm) {
    self.producer = producer
    hasSpool = configuration.spool != nil
    batchLineCountMax = configuration.batchEntryCountMax
    self.form = form
  }

  /// Lines that did not become entries just as they were.
  var lineChanges: LineChanges { changes.withLock { $0 } }

  /// Batch by batch: a receipt is for all of the entries that were handed over together.
  var acknowledgedCount: UInt64 {
    // Entries of an earlier push are sent first.
    let counts = producer.counts
    let own = counts.acknowledged - min(counts.acknowledged, counts.restored)
    return max(own, acknowledged.withLock { $0.entryCount })
  }

  /// How far a push came that ended early.
  func progress(_ stream: StreamName) -> String {
    let summary = acknowledged.withLock { $0 }
    let count = acknowledgedCount
    let isWhole = summary.isWhole && summary.entryCount == count
    let entries = Figures.count(count, "entry of \(stream) is", "entries of \(stream) are")
    return "\(entries) acknowledged\(isWhole ? summary.numbers : "")"
  }

  /// Whether only answers are awaited. With a spool the input is read to its end even if nothing can be sent.
  var isWaiting: Bool { !hasSpool || isInputRead.load(ordering: .relaxed) }

  func run(_ reader: LineReader) async throws -> Summary {
    let (pending, queue) = AsyncThrowingStream.makeStream(of: Handed.self)
    // Not a child task: a read that waits for input cannot be cancelled, and a failed append must not wait for it.
    let feeding = Task {
      do {
        try await self.feed(reader) { queue.yield($0) }
        queue.finish()
      } catch { queue.finish(throwing: error) }
    }
    defer { feeding.cancel() }
    for try await append in pending {
      defer { openBatchCount.subtract(append.batchCount, ordering: .relaxed) }
      let receipt: AppendReceipt
      do { receipt = try await append.pending.receipt } catch {
        // The spool keeps everything to be sent later, so the input is read to its end.
        guard hasSpool, error.mayHaveTakenEffect, error.code != .cancelled else { throw error }
        acknowledged.withLock { $0.isWhole = false }
        changes.withLock { $0.add(append.changes) { _ in nil } }
        continue
      }
      acknowledged.withLock { summary in
        summary.entryCount += receipt.entryCount
        summary.first = summary.first ?? receipt.sequences.lowerBound
        summary.last = receipt.sequences.upperBound
      }
      changes.withLock { $0.add(append.changes) { receipt.number(at: $0) } }
    }
    try Task.checkCancellation()
    var summary = acknowledged.withLock { $0 }
    if skipsReceipts.load(ordering: .relaxed) { summary.isWhole = false }
    return summary
  }

  /// - Parameter submitted: called for each append in order; how many wait is bounded by the producer's queue.
  private func feed(_ reader: LineReader, submitted: (Handed) -> Void) async throws {
    var lines: [LineCutter.Line] = []
    var byteCount = 0
    while let chunk = try await reader.next() {
      for line in chunk.lines {
        lines.append(line)
        byteCount += line.bytes.count
        guard lines.count == Self.lineCountMax || byteCount >= Self.byteCountMax else { continue }
        try await hand(lines, chunk.origin, submitted)
        lines.removeAll(keepingCapacity: true)
        byteCount = 0
      }
      if chunk.isLastForNow, !lines.isEmpty {
        try await hand(lines, chunk.origin, submitted)
        lines.removeAll(keepingCapacity: true)
        byteCount = 0
      }
    }
    isInputRead.store(true, ordering: .relaxed)
  }

  private func hand(
    _ lines: [LineCutter.Line], _ origin: LineOrigin, _ submitted: (Handed) -> Void
  ) async throws {
    let (entries, changes) = form.entries(lines, from: origin)
    if hasSpool, openBatchCount.load(ordering: .relaxed) >= Self.openBatchCountMax {
      skipsReceipts.store(true, ordering: .relaxed)
      self.changes.withLock { $0.add(changes) { _ in nil } }
      return try await producer.enqueue(entries)
    }
    let batchCount = 1 + entries.count / batchLineCountMax
    openBatchCount.add(batchCount, ordering: .relaxed)
    submitted(Handed(pending: try await producer.submit(entries), batchCount: batchCount, changes: changes))
  }
}

extension AppendReceipt {
  /// The number of one of the entries.
  fileprivate func number(at place: UInt64) -> UInt64? {
    var place = place
    for range in ranges {
      if place < UInt64(range.count) { return range.lowerBound + place }
      place -= UInt64(range.count)
    }
    return nil
  }
}
