@testable import LogsClient
@testable import LogsWire

/// Spools with batches of several streams.
enum SpoolImages {
  /// One that was closed, and one whose process was killed.
  static let all: [FuzzedFiles] = {
    do { return [try make(isClosed: true), try make(isClosed: false)] } catch { fatalError("\(error)") }
  }()

  private static let streams = ["a", "b/c"].map { StreamName(stored: $0) }

  private static func make(isClosed: Bool) throws -> FuzzedFiles {
    let directory = try FuzzDirectory()
    let spool = try Spool(directory.path, now: { 1_000 }, report: { _ in })
    var ids: [Int64] = []
    for name in 1...12 { ids += try spool.store([batch(name)], removing: []) }
    _ = try spool.store([], removing: [ids[0], ids[1]])
    _ = try spool.drop(acceptedBefore: 5)
    if isClosed { spool.close() }
    defer { if !isClosed { spool.close() } }
    return try FuzzedFiles(of: directory.path, without: ["lock", "reserve"])
  }

  /// A batch whose content tells its name; some are larger than a page.
  static func batch(_ name: Int) -> EncodedBatch {
    EncodedBatch(
      stream: streams[name % streams.count], content: .batch(bytes(name), entryCount: 2), entryCount: 2,
      accepted: Int64(name))
  }

  private static func bytes(_ name: Int) -> ByteString {
    ByteString(String(repeating: "<\(100_000 + name)>", count: name % 3 == 0 ? 700 : 20))
  }

  /// Takes everything out: what comes was stored as it is, and comes once.
  static func drain(_ spool: Spool) throws {
    var seen: Set<Int> = []
    for _ in 0..<100 {
      guard let stream = spool.streams.first else {
        return try BrokenRule.check(seen.contains(900), "a batch that was accepted is gone")
      }
      let batches: [BacklogBatch]
      do throws(LogError) { batches = try spool.window(of: stream, after: 0) } catch {
        throw BrokenRule("a damaged spool cannot be read: \(error)")
      }
      if batches.isEmpty, spool.streams.contains(stream) { throw BrokenRule("a stream has batches, its window none") }
      for batch in batches {
        guard case .batch(let content, 2) = batch.content else { continue }
        let name = Int(content.text.dropFirst().prefix(6)).map { $0 - 100_000 } ?? 0
        try BrokenRule.check(bytes(name) == content, "a batch is not what was stored: \(content.text)")
        try BrokenRule.check(seen.insert(name).inserted, "batch \(name) comes twice")
      }
      do throws(LogError) { _ = try spool.store([], removing: batches.map(\.id)) } catch {
        throw BrokenRule("batches cannot be removed: \(error)")
      }
    }
    throw BrokenRule("what is removed comes again and again")
  }
}
