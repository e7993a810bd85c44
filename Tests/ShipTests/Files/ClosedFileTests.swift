import LogsWire
import Testing

@testable import LogsShip

/// Files that are closed, since more would be open than may be, and then change their names or are removed.
struct ClosedFileTests {
  @Test func `half a line of a file that is removed while it is closed is shipped`() async throws {
    let scene = try ShipScene {
      $0.start = .beginning
      $0.openCountMax = 2
    }
    for number in 0..<5 { try scene.write("\(number).log", "half \(number)") }
    await scene.begin()
    #expect(try await scene.texts() == [])
    for number in 0..<5 { scene.remove("\(number).log") }
    // What has no writer ends after some seconds.
    #expect(try await scene.shipped(5).sorted() == (0..<5).map { "\($0).log: half \($0)" })
    #expect(await scene.lag().lostFileCount == 0)
    await scene.end()
  }

  @Test func `half a line of a file that is gone is shipped at the end`() async throws {
    let scene = try ShipScene { $0.start = .beginning }
    try scene.write("a.log", "half")
    try scene.write("b.log", "half")
    await scene.begin()
    #expect(try await scene.texts() == [])
    scene.remove("a.log")
    await scene.end()
    #expect(try await scene.texts() == ["a.log: half"])
  }

  @Test func `what is left of a file that is gone is read at the end`() async throws {
    let scene = try ShipScene { $0.start = .beginning }
    let count = 30_000
    try scene.write("a.log", (1...count).map { "\($0)\n" }.joined() + "half")
    await scene.begin()
    scene.remove("a.log")
    await scene.end()
    #expect(try await scene.texts() == (1...count).map { "a.log: \($0)" } + ["a.log: half"])
    // Of its bookmark nothing is left.
    #expect(await scene.bookmarks().keys.count == 1)
  }

  @Test func `what is too much at the end is said`() async throws {
    let scene = try ShipScene { $0.start = .beginning }
    let line = String(repeating: "x", count: 99_999) + "\n"
    try scene.write("a.log", String(repeating: line, count: 100))
    await scene.begin()
    scene.remove("a.log")
    await scene.end()
    let entries = await scene.entries()
    let last = try #require(entries.last)
    #expect((80..<100).contains(entries.count) && last.kind == .status, "\(entries.count)")
    #expect(last.text.hasPrefix("removed, and ") && last.text.hasSuffix(" bytes of it were not read before the end"))
  }

  @Test(arguments: [false, true])
  func `a closed file with unread lines is read before the one that follows`(polls: Bool) async throws {
    let scene = try ShipScene {
      $0.start = .beginning
      $0.openCountMax = 1
      $0.polls = polls
    }
    // More than one turn, in which another file is opened.
    let count = 30_000
    let lines = (1...count).map { "\($0)\n" }.joined()
    try scene.write("a.log", lines)
    try scene.write("b.log", lines)
    await scene.begin()
    scene.rename("a.log", to: "a.log.1")
    try scene.write("a.log", "last\n")
    #expect(try await scene.isBehind(by: UInt64(2 * lines.utf8.count + 5)))
    let texts = try await scene.shipped(2 * count + 1)
    #expect(texts.count == 2 * count + 1)
    #expect(texts.filter { $0.hasPrefix("a") } == (1...count).map { "a.log: \($0)" } + ["a.log: last"])
    await scene.end()
  }

  @Test func `what was written to a closed file that is gone before it could be opened is said`() async throws {
    let scene = try ShipScene {
      $0.start = .beginning
      $0.openCountMax = 1
    }
    try scene.write("a.log", "1\n")
    await scene.begin()
    #expect(try await scene.shipped(1) == ["a.log: 1"])
    try scene.write("b.log", "2\n")
    #expect(try await scene.shipped(2).last == "b.log: 2")
    try await scene.atOnce { scene in
      try scene.write("a.log", "3\n")
      scene.remove("a.log")
    }
    _ = try await scene.shipped(3)
    let last = try #require(await scene.entries().last)
    #expect(last.kind == .status && last.attributes.contains(LogAttribute("action", .string("remove"))), "\(last)")
    #expect(last.text.contains("gone while it was closed"))
    #expect(await scene.lag().lostFileCount == 1)
    await scene.end()
  }
}
