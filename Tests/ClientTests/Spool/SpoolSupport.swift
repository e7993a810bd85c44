import Glibc
import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsClient

/// Makes batches whose entries carry a text, and reads the text back.
struct TestBatches {
  /// Setting up an encoder costs more than the batches of a test.
  private static let encoders = BatchEncoderPool()

  static func content(_ message: ByteString, entryCount: Int = 1) -> AppendLane.Content {
    let entries = (0..<entryCount).map { LogEntry(message: message, time: Int64($0 + 1)) }
    let encoder = encoders.take()
    defer { encoders.giveBack(encoder) }
    var (index, truncatedCount) = (0, UInt64(0))
    do {
      let batch = try encoder.next(entries, from: &index, truncatedCount: &truncatedCount)
      return .batch(batch.bytes, entryCount: entryCount)
    } catch { fatalError("\(error)") }
  }

  static func text(_ content: AppendLane.Content) -> String {
    switch content {
    case .completion(let text): return "complete \(text)"
    case .batch(let bytes, _):
      var decoder = BatchDecoder()
      do { return try decoder.entries(of: try Batch(wholeOf: bytes)).first?.text ?? "" } catch { return "\(error)" }
    }
  }
}

extension EncodedBatch {
  static func test(_ text: String, to stream: StreamName = web, entryCount: Int = 1, accepted: Int64 = 1)
    -> EncodedBatch
  {
    EncodedBatch(
      stream: stream, content: TestBatches.content(ByteString(text), entryCount: entryCount), entryCount: entryCount,
      accepted: accepted)
  }

  /// An incompressible batch of about that many bytes.
  static func large(
    _ byteCount: Int, to stream: StreamName = web, using generator: inout some RandomNumberGenerator
  ) -> EncodedBatch {
    var bytes: [UInt8] = []
    while bytes.count < byteCount { withUnsafeBytes(of: generator.next()) { bytes += $0 } }
    return EncodedBatch(stream: stream, content: TestBatches.content(ByteString(bytes)), entryCount: 1, accepted: 1)
  }
}

extension BacklogBatch {
  var text: String { TestBatches.text(content) }
}

/// A spool of a test, and what it has reported.
final class TestSpool {
  let spool: Spool
  private let box = Box()

  private final class Box { var damages: [SpoolDamage] = [] }

  var damages: [SpoolDamage] { box.damages }

  init(_ directory: String, vfs: String? = nil, now: @escaping () -> Int64 = { 1_000 }) throws {
    let box = box
    spool = try Spool(directory, vfs: vfs, now: now) { box.damages.append($0) }
  }

  @discardableResult func store(_ texts: String..., to stream: StreamName = web) throws -> [Int64] {
    try spool.store(texts.map { .test($0, to: stream) }, removing: [])
  }

  func window(_ stream: StreamName = web, after id: Int64 = 0) throws -> [BacklogBatch] {
    try spool.window(of: stream, after: id)
  }

  func texts(_ stream: StreamName = web) throws -> [String] { try window(stream).map(\.text) }

  /// Takes everything out, window by window.
  func drain(_ visit: (BacklogBatch) throws -> Void = { _ in }) throws {
    // Each window takes at least one batch; damage may reveal some more.
    for _ in 0..<spool.totals.batchCount + 1_000 {
      guard let stream = spool.streams.first else { return }
      let batches = try window(stream)
      // A stream whose last batches turn out to be damaged is gone.
      if batches.isEmpty, spool.streams.contains(stream) {
        throw TestFailure("\(stream) has batches and its window none: \(spool.totals)")
      }
      for batch in batches { try visit(batch) }
      _ = try spool.store([], removing: batches.map(\.id))
    }
    throw TestFailure("what is removed comes again and again: \(spool.totals)")
  }
}

/// Copies a spool's files in their current state.
enum SpoolFiles {
  static let names = ["spool.db", "spool.db-wal"]

  static func read(_ path: String) -> [UInt8]? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    fseek(file, 0, SEEK_END)
    var bytes = [UInt8](repeating: 0, count: ftell(file))
    rewind(file)
    let count = fread(&bytes, 1, bytes.count, file)
    precondition(count == bytes.count, "a file that does not change is read whole")
    return bytes
  }

  static func write(_ bytes: [UInt8], to path: String) throws { try PosixFileSystem().write(path, bytes) }

  static func copy(_ directory: String, to target: String) throws {
    for name in names { if let bytes = read("\(directory)/\(name)") { try write(bytes, to: "\(target)/\(name)") } }
  }
}

/// How often a random test is repeated: `LOGS_TEST_ROUNDS` times its own number.
func testRounds(_ count: Int) -> Int {
  count * max(1, getenv("LOGS_TEST_ROUNDS").flatMap { Int(String(cString: $0)) } ?? 1)
}
