import Foundation
import LogsWire
import Testing

/// A stream whose batches refer to a dictionary is the same for everybody who reads it.
@Suite(.ownThread) struct CompactedReadTests {
  /// Lines of many kinds, each of which comes back some times in a batch.
  private static func line(_ number: UInt64) -> String {
    var state = number &* 0x9e37_79b9_7f4a_7c15
    state ^= state >> 29
    let kind = state % 1_500
    let words = (0..<6).map { (place: UInt64) -> String in "handler\((kind &* 31 &+ place &* 977) % 4_093)" }
    return "kind \(kind) of \(words.joined(separator: "/")) took \(state % 10_007) us, code \(state % 7)"
  }

  private static let countText = "SELECT count(*) FROM entries WHERE message GLOB 'kind 77 *'"
  private static let lines = (1...60_000).map { line($0) }

  /// What a client is sent of the stream, and the dictionaries before that.
  private static func read(
    _ server: TestServer, _ features: Hello.Features
  ) throws -> (texts: [String], dictionaryCount: Int, byteCount: Int) {
    let client = try RawClient(server.url)
    defer { client.close() }
    try client.send(.hello(Hello(features: features, frameByteCountMax: 4 << 20, client: "test")))
    guard case .welcome = try client.receive().message else { throw Failure("no WELCOME came") }
    let selector = StreamSelector.stream(StreamName("web"))
    try client.send(
      .follow(Follow(credit: 1 << 30, selectors: [selector], start: .first, end: FollowEnd(atHead: true))), id: 1)
    var dictionaries: [UInt64: BatchDictionary] = [:]
    var decoder = BatchDecoder()
    var (texts, byteCount): ([String], Int) = ([], 0)
    while true {
      switch try client.receive().message {
      case .dictionary(let dictionary): dictionaries[dictionary.id] = dictionary
      case .batch(_, let run):
        byteCount += run.count
        for batch in try Batch.run(run, dictionary: { dictionaries[$0] }) {
          #expect(features.contains(.dictionaries) || batch.header.dictionary == 0)
          texts += try decoder.entries(of: batch).map(\.text)
        }
      case .end: return (texts, dictionaries.count, byteCount)
      case .stream, .resolved, .live, .heads: break
      case let other: throw Failure("\(other.type) came")
      }
    }
  }

  @Test func `clients with dictionaries and without, HTTP, SQL and queries read the same`() throws {
    try Scene.play { scene in
      let flags = ["--rewrite-delay", "10ms", "--upkeep-cpu", "100", "--tail-bytes", "0"]
      let server = try TestServer(scene, TestServer.listensForHTTP + flags)
      let file = try scene.file("f", Array((Self.lines.joined(separator: "\n") + "\n").utf8))
      #expect(try server.run(["push", "web", file]).exit == .code(0))
      let stored = try Self.read(server, [])
      #expect(try scene.run(Binaries.logs, ["seal", server.data]).exit == .code(0))
      try server.process.errors.waitForText("segment 1 is compacted")

      let new = try Self.read(server, [.dictionaries])
      let isSameForNew = new.texts == Self.lines
      #expect(isSameForNew && new.dictionaryCount == 1 && new.byteCount < stored.byteCount)
      let old = try Self.read(server, [])
      let isSameForOld = old.texts == Self.lines
      #expect(isSameForOld && old.dictionaryCount == 0)
      let isSameForCommand = try server.stored("web") == Array((Self.lines.joined(separator: "\n") + "\n").utf8)
      #expect(isSameForCommand)
      let found = try server.run(["query", "web", "-o", "raw", "\"kind 77 \""])
      #expect(found.lines == Self.lines.filter { $0.hasPrefix("kind 77 ") } && !found.lines.isEmpty)
      let page = try HTTPPeer(server).get("/api/v1/streams/web/entries?limit=100")
      let entries = try JSONSerialization.jsonObject(with: Data(page.body)) as? [[String: Any]] ?? []
      #expect(entries.compactMap { $0["message"] as? String } == Self.lines.suffix(100))
      let counted = try scene.run(
        Binaries.logsd, ["sql", server.data, "-o", "csv", Self.countText])
      #expect(counted.text.split(separator: "\n").last.map(String.init) == "\(found.lines.count)")
      #expect(try scene.run(Binaries.logsd, ["check", server.data]).exit == .code(0))
      #expect(try server.stop() == .code(0))
    }
  }
}
