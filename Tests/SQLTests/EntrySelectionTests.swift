import LogsStore
import LogsWire
import Testing

@testable import LogsSQL

/// What conditions leave to be read: the tests of rows would pass if they left everything.
@Suite struct EntrySelectionTests {
  private static let streams = ["docker/db", "docker/web", "plain"].enumerated().map { index, name in
    StreamInfo(id: Int64(index) + 1, name: StreamName(stored: name), incarnation: Incarnation(1), head: 100)
  }

  private static func selection(
    _ terms: (EntryColumn, TableCondition.Operation, SQLValue)..., isBinary: Bool = true
  ) throws -> EntrySelection {
    try EntrySelection(
      terms.map { (TableCondition(column: $0.rawValue, operation: $1, isBinary: isBinary), $2) }, of: streams, now: 0)
  }

  @Test(arguments: [
    (TableCondition.Operation.equal, SQLValue.text("plain"), ["plain"]),
    (.glob, .text("docker/*"), ["docker/db", "docker/web"]),
    (.like, .text("%WEB"), ["docker/web"]), (.equal, .null, []), (.equal, .text("nothing"), []),
    (.equal, .integer(5), ["docker/db", "docker/web", "plain"]),
    (.glob, .text("*"), ["docker/db", "docker/web", "plain"]),
  ])
  func `streams are chosen by their names`(
    operation: TableCondition.Operation, value: SQLValue, names: [String]
  ) throws {
    #expect(try Self.selection((.stream, operation, value)).streams.map(\.name.text) == names)
  }

  @Test func `another collation leaves all streams`() throws {
    #expect(try Self.selection((.stream, .equal, .text("plain")), isBinary: false).streams.count == 3)
  }

  @Test(
    arguments: [
      (TableCondition.Operation.equal, SQLValue.integer(7), 7...7), (.above, .integer(7), 8...Int64.max),
      (.atLeast, .integer(7), 7...Int64.max),
      (.below, .integer(7), 1...6), (.atMost, .integer(7), 1...7), (.above, .real(6.5), 7...Int64.max),
      (.below, .real(6.5), 1...6),
      (.atMost, .real(6.5), 1...6), (.atLeast, .real(6.5), 7...Int64.max), (.atLeast, .real(-1e30), 1...Int64.max),
      (.above, .text("7"), 1...Int64.max),
      (.equal, .blob("7"), 1...Int64.max),
    ] as [(TableCondition.Operation, SQLValue, ClosedRange<Int64>)])
  func `numbers are a range`(operation: TableCondition.Operation, value: SQLValue, range: ClosedRange<Int64>) throws {
    #expect(try Self.selection((.seq, operation, value)).numbers.range == range)
  }

  @Test(arguments: [
    (TableCondition.Operation.equal, SQLValue.real(6.5)), (.above, .integer(.max)), (.below, .integer(1)),
    (.equal, .null), (.above, .real(1e30)),
  ])
  func `no number is left`(operation: TableCondition.Operation, value: SQLValue) throws {
    #expect(try Self.selection((.seq, operation, value)).streams.isEmpty)
  }

  @Test(arguments: [
    (EntryColumn.level, TableCondition.Operation.equal, SQLValue.text("info"), "level:(9,11,12)"),
    (.severity, .atLeast, .integer(17), "level:(17,18,19,20,21,22,23,24)"),
    (.severity, .equal, .integer(0), "-level:*"), (.severity, .atMost, .integer(1), "(-level:* OR level:(1))"),
    (.time, .atLeast, .text("2026-11-28 10:00"), "time>=2026-11-28T10:00:00Z"),
    (.time, .above, .text("2026-11-28 10:00:00.000000000"), "time>=2026-11-28T10:00:00.000000001Z"),
    (.time, .below, .text("2026-11-28 10:00"), "time<=2026-11-28T09:59:59.999999999Z"),
    (.time, .atMost, .text("2026-11-28 10:00:00.000000000"), "time<=2026-11-28T10:00:00Z"),
    (.time, .glob, .text("2026-11-28 1?:00*"), "time>=2026-11-28T10:00:00Z \ntime<=2026-11-28T19:59:59.999999999Z"),
    (
      .timeNanoseconds, .equal, .integer(1), "time>=1970-01-01T00:00:00.000000001Z time<=1970-01-01T00:00:00.000000001Z"
    ),
    (.message, .glob, .text("*took ?[0-9]ms*"), "\"took \" \n\"s\""),
    (.message, .like, .text("%Took É_x%"), "\"took \" \n\"x\""),
    (.entries, .match, .text("level>=warn timeout"), "level>=warn timeout"),
  ])
  func `conditions become a filter`(
    column: EntryColumn, operation: TableCondition.Operation, value: SQLValue, text: String
  ) throws {
    let filter = try Self.selection((column, operation, value)).filter()
    #expect(
      try filter?.text.replacing(" \n", with: " ") == Filter(text).text.replacing(" \n", with: " "),
      "\(filter?.text ?? "none")")
  }

  @Test func `conditions that say nothing are no filter`() throws {
    #expect(try Self.selection((.message, .glob, .text("*"))).filter() == nil)
    #expect(try Self.selection((.time, .atLeast, .text(""))).filter() == nil)
    #expect(try Self.selection((.severity, .atLeast, .integer(0))).filter() == nil)
    #expect(try Self.selection((.source, .equal, .text("x"))).filter() == nil)
  }

  @Test(arguments: [
    ("*timeout*", ["timeout"]), ("[[]31mred*", ["red"]), ("*31mred*", ["red"]), ("*m*", []), ("*;1*", []),
    ("a*longer", ["longer", "a"]), ("x[*]y", ["x", "y"]), ("x[]a]y", ["x", "y"]), ("x[^]a]y", ["x", "y"]),
    ("say \"hi\"", ["say ", "hi"]),
    ("back\\slash", ["back", "slash"]), ("x[open", ["x"]), ("été", ["été"]), ("a\u{fffd}b", ["a", "b"]),
  ])
  func `the text of a pattern is what every match contains`(pattern: String, pieces: [String]) {
    #expect(PatternText.pieces(of: .text(ByteString(pattern)), .glob).sorted() == pieces.sorted())
  }
}
