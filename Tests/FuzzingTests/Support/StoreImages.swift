import LogsSystem
import Synchronization

@testable import LogsStore
@testable import LogsWire

/// Data directories with a few streams.
enum StoreImages {
  /// One that was closed, and one whose server was killed.
  static let all: [FuzzedFiles] = {
    do { return [try make(isClosed: true), try make(isClosed: false)] } catch { fatalError("\(error)") }
  }()

  /// Two segments, the first of them sealed.
  private static func make(isClosed: Bool) throws -> FuzzedFiles {
    let directory = try FuzzDirectory()
    let store = try FuzzStore(directory.path)
    defer { store.close() }
    for round in 1...4 {
      for stream in ["a", "b"] { store.append("entry \(round) of \(stream)", to: stream, number: UInt64(round)) }
      if round == 2 { store.sealAll() }
    }
    if isClosed { store.close() }
    return try FuzzedFiles(of: directory.path, without: ["lock", "reserve"])
  }
}

/// A store, and what it reports.
final class FuzzStore: Sendable {
  private let store: Store
  private let sink = Sink()

  private final class Sink: StoreSink {
    struct State {
      var outcomes: [UInt32: WriteOutcome] = [:]
      var hasFailed = false
    }

    let state = Monitor(State())

    func committed(_ commit: Commit) {
      state.withLock { state in
        for reply in commit.replies { state.outcomes[reply.token.request] = reply.outcome }
      }
      state.signal()
    }

    func failed(_ error: StoreError) {
      state.withLock { $0.hasFailed = true }
      state.signal()
    }
  }

  private static let patience = Duration.seconds(300)
  private let requestCount = Mutex<UInt32>(0)

  init(_ directory: String) throws(StoreError) {
    var configuration = StoreConfiguration(directory: directory)
    configuration.readerThreadCount = 1
    configuration.reserveByteCountMax = 0
    configuration.retention.diskFreeMin = .bytes(0)
    // The files of an image are copies, and entries are recognized by their streams' incarnations.
    configuration.noticesCopies = false
    store = try Store.open(configuration, sink: sink)
  }

  func close() { store.close() }

  /// - Returns: the entry's number; nil if it is refused, or the store fails.
  @discardableResult
  func append(_ text: String, to stream: String = "a", number: UInt64 = 1_000) -> UInt64? {
    let request = requestCount.withLock { count in
      count += 1
      return count
    }
    let batch: Batch
    do { batch = try SampleEntries.batch([LogEntry(message: ByteString(text))]) } catch { fatalError("\(error)") }
    let refusal = store.enqueue(
      WriteRequest(
        stream: StreamName(stored: stream), producer: ProducerID(high: 1, low: 2), number: number, floor: 1,
        content: .batch(batch), token: WriteToken(shard: 0, client: 1, request: request)))
    guard refusal == nil else { return nil }
    store.commitQueued()
    let outcome = sink.state.wait(timeout: Self.patience) { state -> WriteOutcome?? in
      state.outcomes[request].map { .some($0) } ?? (state.hasFailed ? .some(nil) : nil)
    }
    guard let outcome else { fatalError("an append is not answered") }
    guard case .stored(_, let first, _, _)? = outcome else { return nil }
    return first
  }

  /// Ends the active segment, and waits until it is sealed.
  func sealAll() {
    store.seal()
    append("a tick", to: "tick", number: 1)
    while !store.unsealedSegments.isEmpty, !sink.state.withLock({ $0.hasFailed }) {
      _ = sink.state.wait(timeout: .milliseconds(2)) { _ -> Bool? in nil }
    }
  }

  /// Reads all streams: each entry has the text that it was stored with.
  func checkEntries() throws {
    for stream in store.streams(from: "", limit: 100) {
      var position = stream.first
      while position <= stream.head {
        guard let result = read(ReadRequest(stream: stream.id, from: position, to: stream.head)) else { return }
        try check(result, of: stream, at: position)
        guard result.next > position else { throw BrokenRule("a read does not get on at \(position)") }
        position = result.next
      }
    }
  }

  private func read(_ request: ReadRequest) -> ReadResult? {
    let results = Monitor<[Result<ReadResult, StoreError>]?>(nil)
    store.read([request]) { found in
      results.withLock { $0 = found }
      results.signal()
    }
    guard let found = results.wait(timeout: Self.patience, until: { $0 }) else { fatalError("a read is not answered") }
    guard case .success(let result)? = found.first else { return nil }
    return result
  }

  private func check(_ result: ReadResult, of stream: StreamInfo, at position: UInt64) throws {
    var decoder = BatchDecoder()
    var next = position
    for piece in result.pieces {
      switch piece {
      case .skip(let numbers, _):
        try BrokenRule.check(numbers.lowerBound == next, "a hole at \(next)")
        next = numbers.upperBound + 1
      case .batches(let run):
        try BrokenRule.check(run.first == next, "a hole at \(next)")
        next = run.last + 1
        for batch in try Batch.run(run.batches) {
          try BrokenRule.check(
            batch.hasValidCheck && batch.hasValidServerCheck(seed: stream.serverSeed), "a damaged batch is given out")
          for entry in try decoder.entries(of: batch) {
            let text = entry.message.text
            let isKnown =
              text == "a new entry" || text == "a tick"
              || text == "entry \(entry.sequence) of \(stream.name.text)"
            try BrokenRule.check(isKnown, "number \(entry.sequence) of \(stream.name) is \(text.debugDescription)")
          }
        }
      }
    }
  }
}
