import Foundation
import Glibc
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

  /// A client, and what it was sent of the stream.
  private final class Reading {
    private let client: RawClient
    private let features: Hello.Features
    private var decoder = BatchDecoder()
    private(set) var dictionaries: [UInt64: BatchDictionary] = [:]
    private(set) var texts: [String] = []
    private(set) var byteCount = 0
    /// Of the last batch.
    private(set) var codec: BatchHeader.Codec?

    init(_ server: TestServer, _ features: Hello.Features, start: FollowStart, end: FollowEnd = FollowEnd()) throws {
      self.features = features
      client = try RawClient(server.url)
      try client.send(.hello(Hello(features: features, frameByteCountMax: 4 << 20, client: "test")))
      guard case .welcome = try client.receive().message else { throw Failure("no WELCOME came") }
      let selector = StreamSelector.stream(StreamName("web"))
      try client.send(.follow(Follow(credit: 1 << 30, selectors: [selector], start: start, end: end)), id: 1)
    }

    deinit { client.close() }

    /// Takes messages until one of this type has come.
    func receive(_ type: FrameType) throws {
      while true {
        let message = try client.receive().message
        switch message {
        case .dictionary(let dictionary): dictionaries[dictionary.id] = dictionary
        case .batch(_, let run):
          byteCount += run.count
          for batch in try Batch.run(run, dictionary: { dictionaries[$0] }) {
            #expect(features.contains(.dictionaries) || batch.header.dictionary == 0)
            codec = batch.header.codec
            texts += try decoder.entries(of: batch).map(\.text)
          }
        case .end, .stream, .resolved, .live, .heads: break
        case let other: throw Failure("\(other.type) came")
        }
        if message.type == type { return }
      }
    }
  }

  private static func read(_ server: TestServer, _ features: Hello.Features) throws -> Reading {
    let reading = try Reading(server, features, start: .first, end: FollowEnd(atHead: true))
    try reading.receive(.end)
    return reading
  }

  /// A server that has compacted all that was pushed to `web`.
  private static func compactedServer(_ scene: Scene) throws -> TestServer {
    let flags = ["--rewrite-delay", "10ms", "--upkeep-cpu", "100", "--tail-bytes", "0"]
    let server = try TestServer(scene, TestServer.listensForHTTP + flags)
    let file = try scene.file("f", Array((lines.joined(separator: "\n") + "\n").utf8))
    try expectSuccess(server.run(["push", "web", file]))
    try expectSuccess(scene.run(Binaries.logs, ["seal", server.data]))
    try server.process.errors.waitForText("segment 1 is compacted")
    return server
  }

  @Test func `clients with dictionaries and without, HTTP, SQL and queries read the same`() throws {
    try Scene.play { scene in
      let server = try Self.compactedServer(scene)
      let old = try Self.read(server, [])
      let isSameForOld = old.texts == Self.lines
      #expect(isSameForOld && old.dictionaries.isEmpty)
      let new = try Self.read(server, [.dictionaries])
      let isSameForNew = new.texts == Self.lines
      #expect(isSameForNew && new.dictionaries.count == 1 && new.byteCount < old.byteCount)
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
      try expectSuccess(scene.run(Binaries.logsd, ["check", server.data]))
      #expect(try server.stop() == .code(0))
    }
  }

  @Test func `live entries of a slow stream come with its dictionary to who has received enough of them`() throws {
    try Scene.play { scene in
      let server = try Self.compactedServer(scene)
      let new = try Reading(server, [.dictionaries], start: .now)
      let old = try Reading(server, [], start: .now)
      try new.receive(.live)
      try old.receive(.live)
      let push = try server.start(["push", "web"], input: .pipe)
      var sent: [String] = []
      /// Appends one entry a while after the one before, which both followers get.
      func append() throws {
        // The stream is slow because of this; that it takes longer makes it no faster.
        usleep(60_000)
        let first = sent.count * 15
        sent.append(Self.lines[first..<first + 15].joined(separator: " "))
        try push.write(Array("\(sent[sent.count - 1])\n".utf8))
        try new.receive(.batch)
        try old.receive(.batch)
      }
      while new.dictionaries.isEmpty, sent.count < 500 { try append() }
      #expect(new.dictionaries.count == 1 && new.codec == .zstdDictionary)
      let repaid = new.byteCount
      #expect(repaid >= new.dictionaries.first?.value.packed.count ?? 0)
      let (newBefore, oldBefore) = (new.byteCount, old.byteCount)
      for _ in 0..<5 { try append() }
      #expect(new.codec == .zstdDictionary && new.byteCount - newBefore < (old.byteCount - oldBefore) * 3 / 4)
      // It has parts of what is deleted now.
      let deletion = try server.run(["delete", "web", "--from-seq", "100", "--to-seq", "200", "--yes"])
      #expect(deletion.exit == .code(0), "\(deletion.errors)")
      try append()
      #expect(new.codec != .zstdDictionary)
      #expect(new.texts == sent && old.texts == sent)
      #expect(try server.stop() == .code(0))
    }
  }
}
