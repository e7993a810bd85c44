import Foundation
import LogsStore
import LogsSystem
import LogsWire
import Synchronization

@testable import LogsSQL

/// A store in a directory of its own that a test writes to and asks with SQL, also while it is open.
final class SQLScene: Sendable {
  private let directory: String
  private let opened = Mutex<Store?>(nil)
  private let sink = Sink()
  private let nextRequest = Atomic<UInt32>(1)
  private let batchNumbers = Mutex<[String: UInt64]>([:])

  static let patience = Duration.seconds(300)

  init(segmentByteCountMax: Int = 256 << 20) throws {
    directory = NSTemporaryDirectory() + "/logs-sql-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    var configuration = StoreConfiguration(directory: data)
    configuration.readerThreadCount = 1
    configuration.reserveByteCountMax = 0
    configuration.retention.diskFreeMin = .bytes(0)
    configuration.segmentByteCountMax = segmentByteCountMax
    configuration.rewriteDelay = .milliseconds(1)
    // A segment that SQL has open is sealed as soon as it has not.
    configuration.upkeepRetryInterval = .milliseconds(10)
    let store = try Store.open(configuration, sink: sink)
    opened.withLock { $0 = store }
  }

  deinit {
    close()
    try? FileManager.default.removeItem(atPath: directory)
  }

  var data: String { directory + "/data" }

  var store: Store {
    guard let store = opened.withLock({ $0 }) else { preconditionFailure("the store has been closed") }
    return store
  }

  func close() { opened.withLock { $0.take() }?.close() }

  /// An object of its own: the store keeps it, and the scene keeps the store.
  private final class Sink: StoreSink {
    let outcomes = Monitor<[UInt32: WriteOutcome]>([:])

    func committed(_ commit: Commit) {
      outcomes.withLock { outcomes in for reply in commit.replies { outcomes[reply.token.request] = reply.outcome } }
      outcomes.signal()
    }

    func failed(_ error: StoreError) { preconditionFailure("the store goes on: \(error)") }
  }

  /// Appends entries as one batch and waits until they are stored.
  func append(_ entries: [LogEntry], to stream: String) throws {
    var builder = BatchBuilder(seed: 1)
    for entry in entries { _ = try builder.append(entry) }
    let request = nextRequest.add(1, ordering: .relaxed).oldValue
    let number = batchNumbers.withLock { numbers in
      numbers[stream, default: 0] += 1
      return numbers[stream] ?? 1
    }
    let refusal = store.enqueue(
      WriteRequest(
        stream: StreamName(stored: stream), producer: ProducerID(high: 1, low: 1), number: number, floor: 0,
        content: .batch(builder.finish(compressor: Compressor())),
        token: WriteToken(shard: 0, client: 1, request: request)))
    precondition(refusal == nil, "the queue has room")
    store.commitQueued()
    let outcome = sink.outcomes.wait(timeout: Self.patience) { $0[request] }
    guard case .stored? = outcome else {
      preconditionFailure("what is appended is stored: \(String(describing: outcome))")
    }
  }

  /// Has everything stored sealed.
  func seal() {
    store.seal()
    let deadline = ContinuousClock.now + Self.patience
    while !store.unsealedSegments.isEmpty, ContinuousClock.now < deadline { usleep(1_000) }
    precondition(store.unsealedSegments.isEmpty, "what is stored is sealed")
  }

  func delete(_ stream: String, _ numbers: ClosedRange<UInt64>?) {
    let deletion = Deletion(
      stream: StreamName(stored: stream), incarnation: .any, numbers: numbers, author: "user 1000")
    let done = Monitor(false)
    store.delete(deletion) { _ in
      done.withLock { $0 = true }
      done.signal()
    }
    precondition(done.wait(timeout: Self.patience) { $0 ? true : nil } != nil, "a deletion is answered")
  }

  /// The directory as it is now, for SQL.
  func connection(_ limits: SQLLimits = SQLLimits()) throws -> SceneConnection {
    SceneConnection(
      connection: try SQLConnection(StoreReader(directory: data), limits: limits, now: Self.now), scene: self)
  }

  /// What times in filters are relative to.
  static let now: Int64 = 1_795_860_000_000_000_000
}

/// A connection that keeps the directory that it reads.
struct SceneConnection {
  let connection: SQLConnection
  let scene: SQLScene

  var notes: [String] { connection.notes }

  func query(_ text: String, row visit: ([SQLValue]) throws(SQLFailure) -> Void) throws(SQLFailure) {
    try connection.query(text, columns: { _ in }, row: visit)
  }

  /// The rows of a result, their values as text that tells types apart.
  func rows(_ query: String) throws(SQLFailure) -> [[String]] {
    var rows: [[String]] = []
    try self.query(query) { row in rows.append(row.map(\.shown)) }
    return rows
  }
}

extension SQLValue {
  var shown: String {
    switch self {
    case .null: "null"
    case .integer(let integer): "\(integer)"
    case .real(let real): "real \(real)"
    case .text(let text): "'\(text.array.map { $0 == 0 ? "NUL" : String(UnicodeScalar($0)) }.joined())'"
    case .blob(let bytes): "x\(bytes.array)"
    }
  }
}

extension LogEntry {
  static func sample(
    _ message: String, time: Int64 = 1, severity: UInt8 = 9, source: String = "", attributes: [LogAttribute] = []
  ) -> LogEntry {
    LogEntry(
      message: ByteString(message), time: time, severity: LogSeverity(number: severity) ?? .unspecified,
      source: ByteString(source), attributes: attributes)
  }
}
