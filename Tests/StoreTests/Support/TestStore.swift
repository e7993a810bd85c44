import Glibc
import LogsSystem
import LogsWire
import Synchronization
import Testing

@testable import LogsStore

/// A store in a directory, and what it reported.
final class TestStore: Sendable {
  let store: Store
  let sink: TestSink
  private let nextRequest = Atomic<UInt32>(1)

  static func configuration(_ directory: TestDirectory, _ clock: TestClock? = nil) -> StoreConfiguration {
    var configuration = StoreConfiguration(directory: directory.data)
    configuration.readerThreadCount = 1
    configuration.reserveByteCountMax = 0
    // However full the disk of the tests is.
    configuration.retention.diskFreeMin = .bytes(0)
    if let clock { configuration.now = { clock.now } }
    return configuration
  }

  /// Kept until the store is closed.
  private let directory: TestDirectory?

  /// - Parameter commitsHere: whether `submit` commits on its own thread what it may.
  init(
    _ configuration: StoreConfiguration, in directory: TestDirectory? = nil, commitsHere: Bool = false
  ) throws(StoreError) {
    let sink = TestSink()
    self.sink = sink
    self.directory = directory
    var configuration = configuration
    configuration.log = { sink.log($0.text) }
    if !commitsHere { configuration.leadCommitTimeMax = .zero }
    store = try Store.open(configuration, sink: sink)
  }

  convenience init(_ directory: TestDirectory, _ clock: TestClock? = nil) throws(StoreError) {
    try self.init(Self.configuration(directory, clock), in: directory)
  }

  deinit { store.close() }

  func close() { store.close() }

  /// Submits without waiting; the request's number is for `outcome`.
  func submit(
    _ stream: String, _ content: WriteRequest.Content, producer: UInt64 = 1, number: UInt64, floor: UInt64 = 0,
    client: String = ""
  ) -> UInt32 {
    defer { store.commitQueued() }
    return enqueue(stream, content, producer: producer, number: number, floor: floor, client: client)
  }

  /// Submits without having anything committed.
  func enqueue(
    _ stream: String, _ content: WriteRequest.Content, producer: UInt64 = 1, number: UInt64, floor: UInt64 = 0,
    client: String = ""
  ) -> UInt32 {
    let request = nextRequest.add(1, ordering: .relaxed).oldValue
    let refusal = store.enqueue(
      WriteRequest(
        stream: StreamName(stored: stream), producer: .test(producer), number: number, floor: floor, content: content,
        token: WriteToken(shard: 0, client: 1, request: request), client: client))
    if let refusal {
      sink.committed(
        Commit(
          replies: [Reply(token: WriteToken(shard: 0, client: 1, request: request), outcome: .refused(refusal))],
          runs: []))
    }
    return request
  }

  @discardableResult
  func append(
    _ stream: String, _ batch: Batch, producer: UInt64 = 1, number: UInt64, floor: UInt64 = 0, client: String = ""
  ) -> WriteOutcome? {
    sink.outcome(submit(stream, .batch(batch), producer: producer, number: number, floor: floor, client: client))
  }

  /// Appends batches of one producer, all in one commit, whatever the writer's thread is about to do.
  ///
  /// - Parameter number: of the first of them; the others follow.
  @discardableResult
  func appendTogether(
    _ batches: [Batch], to stream: String, producer: UInt64 = 1, from number: UInt64
  ) -> [WriteOutcome?] {
    let requests = holdingWriter {
      batches.indices.map { index in
        enqueue(stream, .batch(batches[index]), producer: producer, number: number + UInt64(index))
      }
    }
    store.commitQueued()
    return requests.map { sink.outcome($0) }
  }

  /// Has nothing committed while `body` runs.
  private func holdingWriter<Result>(_ body: () -> Result) -> Result {
    let hold = Monitor((isHeld: false, isOver: false))
    // It is refused by the thread that has the writer.
    let deletion = Deletion(
      stream: StreamName(stored: "not there"), incarnation: .any, numbers: nil, author: "user 1000")
    store.delete(deletion) { _ in
      hold.withLock { $0.isHeld = true }
      hold.signal()
      _ = hold.wait(timeout: TestSink.patience) { $0.isOver ? true : nil }
    }
    #expect(hold.wait(timeout: TestSink.patience) { $0.isHeld ? true : nil } == true)
    defer {
      hold.withLock { $0.isOver = true }
      hold.signal()
    }
    return body()
  }

  func info(_ stream: String) -> StreamInfo? { store.stream(named: StreamName(stored: stream)) }

  func read(_ request: ReadRequest) -> Result<ReadResult, StoreError> {
    read([request]).first ?? .failure(Self.noAnswer)
  }

  /// Reads as many of them as one answer covers.
  func read(_ requests: [ReadRequest], cancellation: CancellationToken = CancellationToken()) -> [Result<
    ReadResult, StoreError
  >] {
    waitFor { store.read(requests, cancellation: cancellation, then: $0) } ?? [.failure(Self.noAnswer)]
  }

  func dictionary(of stream: Int64) -> Result<StreamDictionary?, StoreError> {
    waitFor { store.findDictionary(stream: stream, then: $0) } ?? .failure(Self.noAnswer)
  }

  /// Deletes numbers of a stream, or all of it.
  func delete(_ stream: String, _ numbers: ClosedRange<UInt64>? = nil, of incarnation: Incarnation = .any)
    -> Result<DeletionSummary, Refusal>
  {
    let deletion = Deletion(
      stream: StreamName(stored: stream), incarnation: incarnation, numbers: numbers, author: "user 1000")
    return waitFor { store.delete(deletion, then: $0) } ?? .failure(Refusal(.internalError, "no answer came"))
  }

  func findSequence(_ stream: String, atOrAfter time: Int64) -> UInt64? {
    guard let info = info(stream) else { return nil }
    let result = waitFor { store.findSequence(stream: info.id, atOrAfter: time, then: $0) }
    return try? result?.get()
  }

  func findSequence(_ stream: String, atOrBefore time: Int64, in bounds: ClosedRange<UInt64> = 1...(.max)) -> UInt64? {
    guard let info = info(stream) else { return nil }
    let result = waitFor { store.findSequence(stream: info.id, atOrBefore: time, in: bounds, then: $0) }
    return try? result?.get()
  }

  private static let noAnswer = StoreError(.closed, "no answer came")

  /// - Returns: nil when no answer came.
  private func waitFor<Value: Sendable>(_ start: (@escaping @Sendable (Value) -> Void) -> Void) -> Value? {
    let done = Monitor<Value?>(nil)
    start { value in
      done.withLock { $0 = value }
      done.signal()
    }
    return done.wait(timeout: TestSink.patience) { $0 }
  }

  /// Lets the active segment grow old and waits until the next one is active; brings an entry to the stream `tick`.
  func roll(_ clock: TestClock, waitForSeal: Bool = true) {
    let number = store.statistics.segmentCount + store.statistics.missingSegmentCount
    clock.advance(.seconds(25 * 3600))
    append("tick", .test("tick"), producer: UInt64(number) << 32, number: 1)
    #expect(sink.waitForLine("segment \(number + 1) is active"))
    if waitForSeal { #expect(sink.waitForLine("segment \(number) is sealed")) }
  }

  /// Everything a stream has, read in steps, every batch checked as a client does.
  func readAll(_ stream: String, from: UInt64 = 1, byteCountMax: Int = 1 << 20) throws -> Reading {
    guard let info = info(stream) else { return Reading() }
    var reading = Reading()
    var decoder = BatchDecoder()
    var position = from
    while position <= info.head {
      let result = try read(ReadRequest(stream: info.id, from: position, to: info.head, byteCountMax: byteCountMax))
        .get()
      for piece in result.pieces {
        switch piece {
        case .skip(let numbers, let reason):
          #expect(numbers.lowerBound == position)
          position = numbers.upperBound + 1
          reading.skips.append(Reading.Skip(from: numbers.lowerBound, to: numbers.upperBound, reason: reason))
        case .batches(let run):
          #expect(run.first == position)
          for batch in try Batch.run(run.batches) {
            #expect(batch.hasValidCheck)
            #expect(batch.hasValidServerCheck(seed: info.serverSeed))
            #expect(batch.header.firstSequence <= position && position <= batch.header.lastSequence)
            for entry in try decoder.entries(of: batch) where run.numbers.contains(entry.sequence) {
              #expect(entry.sequence == position)
              reading.texts.append(entry.message.text)
              position += 1
            }
          }
          #expect(position == run.last + 1)
        }
      }
      #expect(result.next == position)
    }
    return reading
  }

  /// The same, between two trims.
  func readAllSettled(_ stream: String) throws -> (info: StreamInfo?, reading: Reading) {
    while true {
      let trimmedCount = store.statistics.trimmedSegmentCount
      let found = (info: info(stream), reading: try readAll(stream))
      if store.statistics.trimmedSegmentCount == trimmedCount, found.info == info(stream) { return found }
    }
  }

  struct Reading: Equatable {
    struct Skip: Equatable {
      var from: UInt64
      var to: UInt64
      var reason: SkipReason
    }
    var texts: [String] = []
    var skips: [Skip] = []
  }
}

extension WriteOutcome {
  var first: UInt64? {
    guard case .stored(_, let first, _, _) = self else { return nil }
    return first
  }
  var isDuplicate: Bool {
    guard case .stored(_, _, _, true) = self else { return false }
    return true
  }
  var refusal: Refusal? {
    guard case .refused(let refusal) = self else { return nil }
    return refusal
  }
}
