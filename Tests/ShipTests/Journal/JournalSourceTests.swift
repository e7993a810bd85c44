import LogsWire
import Testing

@testable import LogsShip

/// Entries of a journal: each is shipped once, in order, with its fields.
@Suite(.enabled(if: JournalFiles.isThere, "install systemd-journal-remote to test the journal"))
struct JournalSourceTests {
  private let start: UInt64 = 1_768_046_400_000_000

  private func entries(_ numbers: Range<Int>, unit: String = "a.service") -> [JournalFiles.Entry] {
    numbers.map {
      JournalFiles.Entry(
        start + UInt64($0), [("MESSAGE", "line \($0)"), ("PRIORITY", "6"), ("_SYSTEMD_UNIT", unit), ("_PID", "7")])
    }
  }

  private func begin(
    _ scene: SourceScene, _ files: JournalFiles,
    _ change: @escaping @Sendable (inout JournalConfiguration) -> Void = { _ in }
  ) async throws {
    try await scene.begin { _ in
      var configuration = JournalConfiguration(name: "machine")
      configuration.directory = files.directory
      change(&configuration)
      return try JournalSource(configuration, host: "here")
    }
  }

  @Test func `fields become attributes, level, source and time`() async throws {
    let files = try JournalFiles()
    defer { files.removeAll() }
    var entry = JournalFiles.Entry(
      start,
      [
        ("MESSAGE", "level=warn msg=hello n=1"), ("PRIORITY", "3"), ("SYSLOG_IDENTIFIER", "app"), ("_COMM", "app-bin"),
        ("_PID", "42"), ("_HOSTNAME", "box"), ("_SYSTEMD_UNIT", "app.service"), ("TEXT", "two\nlines"),
        ("_SOURCE_REALTIME_TIMESTAMP", "1768046400000007"), ("CODE_LINE", "12"), ("TWICE", "a"), ("TWICE", "b"),
      ])
    entry.fields.append(("BINARY", [0xff, 0, 0x80]))
    try files.write(
      "a", [entry, JournalFiles.Entry(start + 9, [("MESSAGE", "plain"), ("PRIORITY", "2"), ("_COMM", "cron")])])
    let scene = try SourceScene()
    try await begin(scene, files) { $0.lines.attributes = [LogAttribute("host.name", "here")] }
    let shipped = try await scene.shipped(2)
    let first = try #require(shipped.first)
    #expect(first.text == "hello")
    #expect(first.severity == .warning)
    #expect(first.source == "app")
    #expect(first.time == 1_768_046_400_000_007_000)
    let attributes = Dictionary(uniqueKeysWithValues: first.attributes.map { ($0.key, $0.value) })
    #expect(attributes["process.pid"] == 42)
    #expect(attributes["host.name"] == "box")
    #expect(attributes["systemd.unit"] == "app.service")
    #expect(attributes["process.executable.name"] == "app-bin")
    #expect(attributes["code.line.number"] == 12)
    #expect(attributes["TEXT"] == "two\nlines")
    #expect(attributes["BINARY"] == .bytes(ByteString([0xff, 0, 0x80])))
    #expect(attributes["n"] == 1)
    guard case .list(let both) = attributes["TWICE"] else {
      Issue.record("TWICE is \(String(describing: attributes["TWICE"]))")
      return
    }
    #expect(both.contains("a") && both.contains("b"))
    #expect(shipped.last?.severity == .critical)
    #expect(shipped.last?.source == "cron")
    #expect(shipped.last?.time == Int64(start + 9) * 1_000)
    #expect(await scene.streams() == ["journal", "journal"])
    await scene.crash()
  }

  @Test func `it goes on behind its bookmark, with what comes live`() async throws {
    let files = try JournalFiles()
    defer { files.removeAll() }
    try files.write("a", entries(0..<500))
    let scene = try SourceScene()
    try await begin(scene, files)
    #expect(try await scene.shipped(500).count == 500)
    try files.write("a", entries(500..<600))
    #expect(try await scene.shipped(600).count == 600)
    await scene.crash()
    try files.write("b", entries(600..<700))
    try await begin(scene, files)
    let shipped = try await scene.shipped(700)
    #expect(shipped.map(\.text) == (0..<700).map { "line \($0)" })
    #expect(await scene.logged().isEmpty)
    await scene.crash()
  }

  @Test func `a bookmark covers only what was emitted`() async throws {
    let files = try JournalFiles()
    defer { files.removeAll() }
    let fields = [("_PID", "7"), ("_SYSTEMD_UNIT", "a.service")]
    try files.write(
      "a",
      [
        JournalFiles.Entry(start, [("MESSAGE", "before")] + fields),
        JournalFiles.Entry(start + 1, [("MESSAGE", "a.b.Refusal: x")] + fields),
        JournalFiles.Entry(start + 2, [("MESSAGE", "\tat a.b(C.java:1)")] + fields),
      ])
    let scene = try SourceScene()
    try await begin(scene, files)
    try await scene.giveTurns()
    #expect(await scene.entries().map(\.text) == ["before"])
    await scene.crash()
    try await begin(scene, files)
    #expect(try await scene.shipped(2).map(\.text) == ["before", "a.b.Refusal: x\n\tat a.b(C.java:1)"])
    await scene.crash()
    try await begin(scene, files)
    try await scene.giveTurns()
    #expect(await scene.entries().count == 2)
    await scene.crash()
  }

  @Test func `a bookmark whose entry is gone is said`() async throws {
    let files = try JournalFiles()
    defer { files.removeAll() }
    try files.write("a", entries(0..<10))
    let scene = try SourceScene()
    try await begin(scene, files)
    #expect(try await scene.shipped(10).count == 10)
    await scene.crash()
    try files.write("b", entries(20..<30))
    files.remove("a")
    try await begin(scene, files)
    let shipped = try await scene.shipped(21)
    #expect(shipped.count == 21)
    #expect(shipped[10].kind == .status)
    #expect(shipped[10].text == "journal: entries may have been vacuumed before they were read")
    #expect(shipped[11].text == "line 20")
    await scene.crash()
  }

  @Test func `a rate drops what is beyond it and says how much, or has it wait`() async throws {
    let files = try JournalFiles()
    defer { files.removeAll() }
    try files.write("a", entries(0..<300))
    let waiting = try SourceScene()
    try await begin(waiting, files) { $0.rate = RateLimit(linesPerSecond: 200, excess: .wait) }
    #expect(try await waiting.shipped(300).map(\.text) == (0..<300).map { "line \($0)" })
    #expect(
      try await waiting.waitUntil { $0.loggedOnLoop.contains { $0.hasPrefix("machine: held back for ") } })

    let dropping = try SourceScene()
    try await begin(dropping, files) { $0.rate = RateLimit(linesPerSecond: 100, excess: .drop) }
    #expect(try await dropping.shipped(100).map(\.text).prefix(100) == (0..<100).map { "line \($0)" }[...])
    // The next one for which there is room tells of those before it.
    var number = 300
    func notice() async -> LogEntry? {
      await dropping.entries().first { $0.text.hasSuffix("lines dropped: more than the source's rate") }
    }
    while await notice() == nil, number < 400 {
      try files.write("b\(number)", entries(number..<number + 1))
      number += 1
      for _ in 0..<20 {
        try await dropping.giveTurns()
        try await Task.sleep(for: .milliseconds(2))
      }
    }
    let attributes = try #require(await notice()).attributes
    #expect(attributes.contains { $0.key == "action" && $0.value == "drop" })
    for scene in [waiting, dropping] { await scene.crash() }
  }

  @Test func `units and matches pick, and name streams`() async throws {
    let files = try JournalFiles()
    defer { files.removeAll() }
    var about = JournalFiles.Entry(start + 500, [("MESSAGE", "Started a."), ("UNIT", "a.service"), ("_PID", "1")])
    about.fields.append(("SYSLOG_IDENTIFIER", Array("systemd".utf8)))
    try files.write("a", entries(0..<3) + entries(3..<6, unit: "b.service") + [about])
    let scene = try SourceScene()
    try await begin(scene, files) {
      $0.units = ["a"]
      $0.stream = try! StreamTemplate("journal/{unit}", words: JournalConfiguration.streamWords)
    }
    #expect(try await scene.shipped(4).map(\.text) == ["line 0", "line 1", "line 2", "Started a."])
    #expect(await scene.streams() == Array(repeating: "journal/a.service", count: 3) + ["journal/systemd"])
    await scene.crash()

    let other = try SourceScene()
    try await begin(other, files) { $0.matches = ["_SYSTEMD_UNIT=b.service"] }
    #expect(try await other.shipped(3).map(\.text) == ["line 3", "line 4", "line 5"])
    await other.crash()
  }

  @Test func `a directory that is not there yet is waited for`() async throws {
    let scene = try SourceScene()
    try await scene.begin { _ in
      var configuration = JournalConfiguration(name: "machine")
      configuration.directory = "/nowhere/at-all"
      return try JournalSource(configuration, host: "here")
    }
    #expect(try await scene.waitUntil { !$0.loggedOnLoop.isEmpty })
    #expect(await scene.logged() == ["machine: /nowhere/at-all cannot be opened: No such file or directory"])
    await scene.crash()
  }

  @Test func `what cannot be meant is refused`() {
    for match in ["MESSAGE", "=x", "lower=x", "A B=x"] {
      var configuration = JournalConfiguration(name: "machine")
      configuration.matches = [match]
      let problem = #expect(throws: JournalProblem.self) { try configuration.check() }
      #expect(
        problem?.description == "a match is written FIELD=VALUE, such as _TRANSPORT=kernel, not '\(match)'")
    }
    var configuration = JournalConfiguration(name: "machine")
    configuration.units = ["a*"]
    #expect(throws: JournalProblem.self) { try configuration.check() }
  }

  @Test func `cursors count what is between them`() {
    let first = JournalCursor("s=1a;i=a;b=b0;m=1;t=2;x=3")
    #expect(JournalCursor("s=1a;i=b;b=b0;m=2;t=3;x=4").distance(from: first) == 0)
    #expect(JournalCursor("s=1a;i=1f;b=b0;m=2;t=3;x=4").distance(from: first) == 20)
    #expect(JournalCursor("s=1b;i=1f;b=b0;m=2;t=3;x=4").distance(from: first) == nil)
    #expect(JournalCursor("s=1b;i=7;b=b0;m=1;t=2;x=3").isOfSameEntry(as: first))
    #expect(!JournalCursor("x").isOfSameEntry(as: JournalCursor("x")))
  }
}
