import LogsWire
import Testing

@testable import LogsShip
@testable import LogsSimulation

/// Files that are found, written to, rotated, emptied and removed: each line is shipped once, in order.
struct FileSourceTests {
  @Test func `files that share a stream are both named, and one whose name was changed is an attribute`() async throws {
    let scene = try ShipScene { $0.start = .beginning }
    try scene.write("a b.log", "1\n")
    await scene.begin()
    #expect(try await scene.shipped(1) == ["a_b.log: 1"])
    try scene.write("a_b.log", "2\n")
    _ = try await scene.shipped(3)
    let entries = await scene.entries()
    func text(_ entry: LogEntry, _ key: String) -> String? {
      if case .string(let text) = entry.attributes.first(where: { $0.key == key })?.value { text } else { nil }
    }
    #expect(entries.map(\.kind) == [.log, .status, .log], "\(entries)")
    #expect(text(entries[0], "log.file.path") == scene.path("a b.log") && text(entries[2], "log.file.path") == nil)
    #expect(text(entries[1], "action") == "share")
    #expect(entries[1].text == "\(scene.path("a_b.log")) and \(scene.path("a b.log")) lead to this stream")
    #expect(try await scene.logged("lead to this stream"))
    // Rotation is no sharing.
    scene.rename("a_b.log", to: "a_b.log.1")
    try scene.write("a_b.log", "3\n")
    #expect(try await scene.shipped(4).count == 4)
    await scene.end()
  }

  @Test func `a stream that is meant for several files is not said to be shared`() async throws {
    let scene = try ShipScene {
      $0.start = .beginning
      $0.stream = (try? StreamTemplate("of/{directory}", words: FileSourceConfiguration.streamWords)) ?? $0.stream
    }
    try scene.write("a.log", "1\n")
    try scene.write("b.log", "2\n")
    await scene.begin()
    #expect(try await scene.shipped(2).count == 2)
    #expect(await scene.entries().allSatisfy { $0.kind == .log })
    await scene.end()
  }

  @Test func `files that are there at the first start are read from their last line end, later ones whole`()
    async throws
  {
    let scene = try ShipScene()
    try scene.write("a.log", "old 1\nold 2\nhalf")
    await scene.begin()
    _ = try await scene.texts()
    try scene.write("a.log", " line\nnew\n")
    try scene.write("b.log", "first\nsecond\n")
    #expect(try await scene.shipped(4).sorted() == ["a.log: half line", "a.log: new", "b.log: first", "b.log: second"])
    await scene.end()
  }

  @Test func `with start = beginning they are read whole, and what is known goes on where it was`() async throws {
    let scene = try await ShipScene.reading(["1", "2"])
    await scene.end()
    try scene.write("a.log", "3\n")
    await scene.begin()
    #expect(try await scene.shipped(3) == ["a.log: 1", "a.log: 2", "a.log: 3"])
    await scene.end()
  }

  @Test func `a renamed file is read on under its stream, and before the new one`() async throws {
    let scene = try await ShipScene.reading(["1"])
    try scene.write("a.log", "2\n")
    scene.rename("a.log", to: "a.log.1")
    try scene.write("a.log.1", "3\n")
    try scene.write("a.log", "4\n")
    #expect(try await scene.shipped(4) == ["a.log: 1", "a.log: 2", "a.log: 3", "a.log: 4"])
    await scene.end()
  }

  @Test func `what a renamed file got while nobody looked is read first`() async throws {
    let scene = try await ShipScene.reading(["1"])
    await scene.end()
    try scene.write("a.log", "2\n")
    scene.rename("a.log", to: "a.old")
    try scene.write("a.log", "3\n")
    await scene.begin()
    #expect(try await scene.shipped(3) == ["a.log: 1", "a.log: 2", "a.log: 3"])
    await scene.end()
  }

  @Test func `a removed file is read to its end, and its bookmark is forgotten`() async throws {
    let scene = try await ShipScene.reading(["1"])
    try scene.write("a.log", "2\n")
    scene.remove("a.log")
    #expect(try await scene.shipped(2) == ["a.log: 1", "a.log: 2"])
    await scene.end()
  }

  @Test func `a file that was emptied is read from its beginning, and a status entry says how far it was read`()
    async throws
  {
    let scene = try await ShipScene.reading(["1", "2"])
    scene.truncate("a.log")
    try scene.write("a.log", "3\n")
    let texts = try await scene.shipped(4)
    #expect(texts.last == "a.log: 3")
    #expect(texts.contains { $0.hasPrefix("a.log: truncated at ") && $0.hasSuffix("read to 4") })
    #expect(await scene.entries().first { $0.kind == .status }?.severity == .warning)
    await scene.end()
  }

  @Test func `a file that was written anew is noticed though it is longer than before`() async throws {
    let scene = try await ShipScene.reading(["header", "1"])
    await scene.end()
    scene.truncate("a.log")
    try scene.write("a.log", "header\nanother line\n")
    await scene.begin()
    #expect(
      try await scene.shipped(4).suffix(2) == ["a.log: header", "a.log: another line"])
    await scene.end()
  }

  @Test func `a line that comes in pieces is one entry; one that stays without an end is shipped after a while`()
    async throws
  {
    let scene = try ShipScene {
      $0.start = .beginning
      $0.lineWait = .milliseconds(30)
    }
    try scene.write("a.log", "one ")
    await scene.begin()
    _ = try await scene.texts()
    try scene.write("a.log", "line\ntwo")
    #expect(try await scene.shipped(2) == ["a.log: one line", "a.log: two"])
    try scene.write("a.log", "\nthree\nfour")
    #expect(try await scene.shipped(4) == ["a.log: one line", "a.log: two", "a.log: three", "a.log: four"])
    // Its end comes when another source reads on.
    await scene.end()
    try scene.write("a.log", " and more\nfive\n")
    await scene.begin()
    #expect(try await scene.shipped(6).suffix(2) == ["a.log:  and more", "a.log: five"])
    await scene.end()
  }

  @Test func `UTF-16 and marks are decoded, also behind a restart`() async throws {
    for isBigEndian in [false, true] {
      func utf16(_ text: String) -> [UInt8] {
        text.utf16.flatMap { unit in
          let bytes = [UInt8(unit & 0xff), UInt8(unit >> 8)]
          return isBigEndian ? bytes.reversed() : bytes
        }
      }
      let scene = try ShipScene { $0.start = .beginning }
      try scene.write("a.log", utf16("\u{feff}größe\n€ 😀\nhal"))
      try scene.write("b.log", [0xef, 0xbb, 0xbf] + Array("mark\n".utf8))
      await scene.begin()
      #expect(try await scene.shipped(3).sorted() == ["a.log: größe", "a.log: € 😀", "b.log: mark"])
      await scene.end()
      try scene.write("a.log", utf16("f\nnext\n"))
      try scene.write("b.log", "more\n")
      await scene.begin()
      #expect(try await scene.shipped(6).suffix(3).sorted() == ["a.log: half", "a.log: next", "b.log: more"])
      await scene.end()
    }
  }

  @Test func `the hole that a writer leaves behind a truncation is skipped`() async throws {
    let scene = try await ShipScene.reading(["1"])
    scene.truncate("a.log")
    scene.truncate("a.log", to: 50 << 20)
    try scene.write("a.log", "2\n")
    #expect(try await scene.shipped(3).last == "a.log: 2")
    await scene.end()
  }

  @Test func `room that a writer has reserved at the end is not read before it is written to`() async throws {
    let scene = try ShipScene { $0.start = .beginning }
    try scene.write("a.log", Array("1\n".utf8) + [UInt8](repeating: 0, count: 200))
    await scene.begin()
    #expect(try await scene.shipped(1) == ["a.log: 1"])
    try scene.overwrite("a.log", at: 2, "2\n3\n")
    #expect(try await scene.shipped(3) == ["a.log: 1", "a.log: 2", "a.log: 3"])
    await scene.end()
  }

  @Test func `directories that appear later, and files in them, are found`() async throws {
    let scene = try ShipScene { configuration in
      configuration.start = .beginning
      let base = configuration.globs[0].text.dropLast("/*.log".count)
      configuration.globs = [FileGlob("\(base)/x/*/y/**/*.log", workingDirectory: "/")]
    }
    await scene.begin()
    _ = try await scene.texts()
    for name in ["x", "x/1", "x/1/y", "x/1/y/deep", "x/1/y/deep/deeper"] { scene.makeDirectory(name) }
    try scene.write("x/1/y/a.log", "a\n")
    try scene.write("x/1/y/deep/deeper/b.log", "b\n")
    #expect(try await scene.shipped(2).sorted() == ["a.log: a", "b.log: b"])
    scene.makeDirectory("x/2")
    scene.makeDirectory("x/2/y")
    try scene.write("x/2/y/c.log", "c\n")
    #expect(try await scene.shipped(3).last == "c.log: c")
    await scene.end()
  }

  @Test func `archives and excluded files are not read, and polling needs no watch`() async throws {
    let scene = try ShipScene { configuration in
      configuration.start = .beginning
      configuration.polls = true
      let base = configuration.globs[0].text.dropLast("/*.log".count)
      configuration.globs = [FileGlob("\(base)/*", workingDirectory: "/")]
      configuration.excluded = [FileGlob("\(base)/*.tmp", workingDirectory: "/")]
    }
    try scene.write("a.log", "1\n")
    try scene.write("a.log.2.gz", "packed\n")
    try scene.write("b.tmp", "2\n")
    await scene.begin()
    #expect(try await scene.shipped(1) == ["a.log: 1"])
    try scene.write("a.log", "3\n")
    #expect(try await scene.shipped(2) == ["a.log: 1", "a.log: 3"])
    await scene.end()
  }

  @Test func `no more files than the limit stay open, and each is read on`() async throws {
    let scene = try await ShipScene.reading(["1"], in: (0..<20).map { "\($0).log" }) {
      $0.openCountMax = 4
    }
    for number in 0..<20 { try scene.write("\(number).log", "2\n") }
    #expect(Set(try await scene.shipped(40)).count == 40)
    let lag = await scene.lag()
    #expect(lag.byteCount == 0 && lag.readerCount == 20 && lag.timeLast > 0)
    await scene.end()
  }

  @Test func `a rate drops what is beyond it and says how much, or has it wait`() async throws {
    let dropping = try ShipScene {
      $0.start = .beginning
      $0.rate = RateLimit(linesPerSecond: 100, excess: .drop)
    }
    try dropping.write("a.log", (1...1_000).map { "\($0)\n" }.joined())
    await dropping.begin()
    let texts = try await dropping.shipped(100)
    #expect(texts.prefix(100) == (1...100).map { "a.log: \($0)" }[...])
    await dropping.end()
    #expect(try await dropping.shipped(101).contains { $0.hasPrefix("a.log: 9") && $0.hasSuffix("source's rate") })

    let waiting = try ShipScene {
      $0.start = .beginning
      $0.rate = RateLimit(linesPerSecond: 20_000, excess: .wait)
    }
    try waiting.write("a.log", (1...30_000).map { "\($0)\n" }.joined())
    await waiting.begin()
    #expect(try await waiting.shipped(30_000) == (1...30_000).map { "a.log: \($0)" })
    #expect(try await waiting.logged("held back for "))
    await waiting.end()
  }

  @Test func `a rate lets no burst through, and starves nobody for it afterwards`() async throws {
    let scene = try ShipScene {
      $0.start = .beginning
      $0.rate = RateLimit(linesPerSecond: 20, excess: .wait)
    }
    // As short as lines can be: tens of thousands fit into one turn.
    try scene.write("a.log", String(repeating: "x\n", count: 30_000))
    let start = ContinuousClock.now
    await scene.begin()
    let count = try await scene.shipped(30).count
    let seconds = Int((ContinuousClock.now - start).components.seconds)
    #expect(count <= 20 * (seconds + 2), "\(count) lines in \(seconds) s")
    await scene.end()
  }

  /// Two writers' worth of random pieces, restarts in between: the text is shipped as it is.
  @Test func `random pieces and restarts lose and repeat nothing`() async throws {
    let seed = UInt64.random(in: 0..<1 << 32)
    var random = SeededGenerator(seed: seed)
    let scene = try ShipScene { $0.start = .beginning }
    await scene.begin()
    var expected: [String] = []
    var rest = ""
    for number in 1...400 {
      let line = "\(number) " + String(repeating: "x", count: Int.random(in: 0...300, using: &random))
      expected.append("a.log: \(line)")
      rest += line + "\n"
      while rest.count > 200 || (number == 400 && !rest.isEmpty) {
        let piece = String(rest.prefix(Int.random(in: 1...200, using: &random)))
        rest.removeFirst(piece.count)
        try scene.write("a.log", piece)
        if Int.random(in: 0..<8, using: &random) == 0 { _ = try await scene.texts() }
        if Int.random(in: 0..<40, using: &random) == 0 {
          await scene.end()
          await scene.begin()
        }
      }
    }
    let texts = try await scene.shipped(400)
    #expect(texts == expected, "seed \(seed)")
    await scene.end()
  }

  @Test func `a name that is not UTF-8 is read, watched and known again`() async throws {
    let scene = try ShipScene { $0.start = .beginning }
    try scene.write("a\\xff.log", "1\n")
    await scene.begin()
    #expect(try await scene.shipped(1) == ["a_xff.log: 1"])
    try scene.write("a\\xff.log", "2\n")
    #expect(try await scene.shipped(2).last == "a_xff.log: 2")
    try scene.write("a\\xfe.log", "other\n")
    #expect(try await scene.shipped(3).last == "a_xfe.log: other")
    scene.rename("a\\xff.log", to: "a\\xff.old")
    await scene.end()
    try scene.write("a\\xff.old", "3\n")
    // A name that only looks like it.
    try scene.write("a\\x5cxff.log", "4\n")
    await scene.begin()
    #expect(try await scene.shipped(5).suffix(2).sorted() == ["a_x5cxff.log: 4", "a_xff.log: 3"])
    await scene.end()
    #expect(FileGlob.names(in: scene.directory) == ["a\\x5cxff.log", "a\\xfe.log", "a\\xff.old"])
  }
}
