import Glibc
import Testing

@testable import LogsClient

@Suite struct CursorTests {
  private func position(_ stream: String, _ sequence: UInt64, _ incarnation: UInt64 = 0xc0ffee) -> CursorPosition {
    CursorPosition(stream: StreamName(checked: stream), incarnation: Incarnation(incarnation), sequence: sequence)
  }

  @Test func `the text form is sorted, and can be read back`() {
    let cursor = LogCursor([position("web", 48213), position("docker/nginx", 7, .max), position("a:b@c.d-e_f", 0, 0)])
    #expect(
      cursor.description
        == "v1,a:b@c.d-e_f=0.0000000000000000,docker/nginx=7.ffffffffffffffff,web=48213.0000000000c0ffee")
    #expect(LogCursor(cursor.description) == cursor)
    #expect(LogCursor("v1") == LogCursor())
    #expect(LogCursor().description == "v1")
  }

  @Test func `any cursor survives its text form`() throws {
    var generator = SeededGenerator(seed: testSeed())
    let characters = Array("ABCabc019._:@-")
    for _ in 0..<200 {
      var cursor = LogCursor()
      for _ in 0..<Int.random(in: 0...20, using: &generator) {
        let parts = (0..<Int.random(in: 1...3, using: &generator)).map { _ in
          String(
            (0..<Int.random(in: 1...9, using: &generator)).map { _ in characters.randomElement(using: &generator)! })
        }
        cursor.advance(to: position(parts.joined(separator: "/"), generator.next(), generator.next()))
      }
      #expect(try LogCursor(parsing: cursor.description) == cursor)
      #expect(try LogCursor(parsing: cursor.description.replacing(",", with: "\n") + "\n") == cursor)
    }
  }

  @Test(arguments: [
    ("", "begin with v1"), ("v2,web=1.0000000000000000", "begin with v1"), ("v1,", "has no '='"),
    ("v1,web", "has no '='"), ("v1,web=", "not of the form"), ("v1,web=1", "not of the form"),
    ("v1,web=1.00", "not of the form"), ("v1,web=-1.0000000000000000", "not of the form"),
    ("v1,web=+1.0000000000000000", "not of the form"),
    ("v1,web=99999999999999999999.0000000000000000", "not of the form"), ("v1,=1.0000000000000000", "empty"),
    ("v1,a//b=1.0000000000000000", "empty part"), ("v1,web=1.0000000000000000,web=2.0000000000000000", "twice"),
    ("v1,web=1.000000000000000g", "not of the form"),
  ]) func `an invalid cursor is refused with the reason`(text: String, reason: String) {
    #expect(LogCursor(text) == nil)
    let error = #expect(throws: LogError.self) { try LogCursor(parsing: text) }
    #expect(error?.code == .invalidCursor)
    #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
  }

  @Test func `a file is written as a whole and nothing is left beside it`() throws {
    let directory = try TestDirectory()
    let path = "\(directory.path)/cursor"
    #expect(try LogCursor(contentsOfFile: path) == nil)
    for sequence in 1...UInt64(20) {
      let cursor = LogCursor([position("web", sequence), position("db", sequence * 2)])
      try cursor.write(toFile: path)
      #expect(try LogCursor(contentsOfFile: path) == cursor)
    }
    #expect(directory.names == ["cursor"])
  }

  @Test func `files left behind by a killed writer are replaced by the next`() throws {
    let directory = try TestDirectory()
    let path = "\(directory.path)/cursor"
    try LogCursor([position("web", 1)]).write(toFile: path)
    // A link to a file that is longer than the new content.
    let left = fopen("\(directory.path)/elsewhere", "w")
    fputs(String(repeating: "half a cursor", count: 100), left)
    fclose(left)
    symlink("\(directory.path)/elsewhere", "\(path).tmp")
    let cursor = LogCursor([position("web", 2)])
    try cursor.write(toFile: path)
    #expect(try LogCursor(contentsOfFile: path) == cursor)
    #expect(directory.names == ["cursor", "elsewhere"])
  }

  @Test func `a reader of the file finds a whole cursor while it is being replaced`() async throws {
    let directory = try TestDirectory()
    let path = "\(directory.path)/cursor"
    let streams = (0..<500).map { "s\($0)" }
    try LogCursor(streams.map { position($0, 1) }).write(toFile: path)
    try await withThrowingTaskGroup { group in
      group.addTask {
        for sequence in 2...UInt64(30) {
          try LogCursor(streams.map { self.position($0, sequence) }).write(toFile: path)
        }
      }
      group.addTask {
        for _ in 0..<100 {
          let cursor = try LogCursor(contentsOfFile: path)
          #expect(cursor?.positions.count == 500)
          #expect(Set(cursor?.positions.values.map(\.sequence) ?? []).count == 1)
        }
      }
      try await group.waitForAll()
    }
  }

  @Test func `a file that cannot be written leaves the old one alone`() throws {
    let directory = try TestDirectory()
    let error = #expect(throws: LogError.self) { try LogCursor().write(toFile: "\(directory.path)/none/cursor") }
    #expect(error?.code == .fileFailed)
    #expect(error?.message.contains("no such file") == true || error?.message.contains("No such file") == true)
    // A directory in the way: the rename fails, and the temporary file is removed.
    mkdir("\(directory.path)/taken", 0o755)
    #expect(throws: LogError.self) { try LogCursor().write(toFile: "\(directory.path)/taken") }
    #expect(directory.names == ["taken"])
    rmdir("\(directory.path)/taken")
  }

  @Test func `events move it: the start of a stream, delivered entries, and skipped ranges`() {
    var cursor = LogCursor()
    let web = StreamName(checked: "web")
    let incarnation = Incarnation(5)
    let start = AnnouncedStream(stream: web, incarnation: incarnation, start: 41, head: 50, isSealed: false)
    cursor.advance(past: .announced(start))
    #expect(cursor[web]?.sequence == 41)
    cursor.advance(
      past: .skipped(SkippedRange(stream: web, incarnation: incarnation, range: 42...44, reason: .trimmed)))
    #expect(cursor[web]?.sequence == 44)
    cursor.advance(past: .announced(start))
    #expect(cursor[web]?.sequence == 44)
    var entry = LogEntry(message: "x")
    entry.sequence = 45
    cursor.advance(past: StreamEntry(stream: web, incarnation: incarnation, entry: entry))
    #expect(cursor[web] == CursorPosition(stream: web, incarnation: incarnation, sequence: 45))
  }
}
