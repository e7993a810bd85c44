import Foundation
import LogsClient
import LogsText
import LogsWire
import Testing

@testable import LogsCLI

@Suite struct OutputTests {
  private func entry() -> LogEntry {
    var entry = LogEntry(
      message: ByteString([0x61, 0x22, 0xff, 0x0a, 0x01]), time: 1_768_046_400_123_456_789, severity: .warning,
      source: "api",
      attributes: [
        LogAttribute("n", 5), LogAttribute("ok", true), LogAttribute("list", .list([.empty, 1.5, "x"])),
        LogAttribute("map", .map([LogAttribute("k", .bytes("v"))])), LogAttribute("nan", .double(.nan)),
      ])
    entry.sequence = 7
    entry.received = 1_768_046_401_000_000_000
    return entry
  }

  @Test func `a histogram's bar has a letter for each level, and shows a single error`() {
    #expect(
      QueryReport.bar([0, 0, 0, 10, 10, 20, 0], most: 40) == String(repeating: "E", count: 20) + "wwwwwwwwwwiiiiiiiiii")
    #expect(QueryReport.bar([0, 0, 0, 999_999, 0, 1, 0], most: 1_000_000).hasPrefix("Ei"))
    #expect(QueryReport.bar([1, 1, 1, 0, 0, 0, 1], most: 4) == "FFFFFFFFFFddddddddddtttttttttt..........")
    #expect(QueryReport.bar([0, 0, 0, 0, 0, 0, 0], most: 1) == "")
    #expect(QueryReport.bar([.max, 0, 0, 0, 0, 0, 0], most: .max).utf8.count == 40)
  }

  /// - Parameter flags: besides those for UTC and no colours.
  private func writer(_ flags: String, namesStreams: Bool = true, screen: Int? = nil) throws -> EntryWriter {
    let words = ["--utc", "--no-color"] + flags.split(separator: " ").map(String.init)
    return try EntryWriter(
      try Arguments(words, options: OutputOptions.all, help: ""), namesStreams: namesStreams, filter: nil,
      columnCount: screen.map { count in { @Sendable in count } })
  }

  private func written(_ flags: String, namesStreams: Bool = true) throws -> [UInt8] {
    var writer = try writer(flags, namesStreams: namesStreams)
    var output: [UInt8] = []
    writer.append(entry(), of: StreamName("web"), to: &output)
    return output
  }

  @Test func `raw is the message's bytes and a newline`() throws {
    #expect(try written("-o raw") == [0x61, 0x22, 0xff, 0x0a, 0x01, 0x0a])
  }

  @Test(arguments: [
    (nil, "line\n"), ("ms>1", "line\n"), ("kind:*", "started\nline\n"), ("a OR -kind:log", "started\nline\n"),
  ])
  func `raw has a source's lines, and what its shipper says only where kinds are asked for`(
    filter: String?, text: String
  ) throws {
    let arguments = try Arguments(["-o", "raw"], options: OutputOptions.all, help: "")
    var writer = try EntryWriter(arguments, namesStreams: false, filter: try filter.map { try Filter($0) })
    var output: [UInt8] = []
    for (message, kind) in [("started", LogEntry.Kind.status), ("line", .log), ("done", .complete)] {
      writer.append(LogEntry(message: ByteString(message), kind: kind), of: StreamName("web"), to: &output)
    }
    #expect(String(decoding: output, as: UTF8.self) == text)
  }

  @Test func `json is one object a line with the keys that scripts rely on`() throws {
    let line = String(decoding: try written("-o json"), as: UTF8.self)
    #expect(
      line
        == #"{"stream":"web","seq":7,"time":"2026-01-10T12:00:00.123456789Z","#
        + #""received":"2026-01-10T12:00:01.000000000Z","#
        + #""severity":13,"level":"warn","source":"api","message":"a\"\#u{FFFD}\n\u0001","#
        + #""attributes":{"n":5,"ok":true,"#
        + #""list":[null,1.5,"x"],"map":{"k":"v"},"nan":"nan"},"kind":"log"}"# + "\n")
    #expect(try JSONSerialization.jsonObject(with: Data(line.utf8)) is [String: Any])
  }

  @Test func `short names the stream only if there are several, and uses colours only on request`() throws {
    let plain = String(decoding: try written("", namesStreams: false), as: UTF8.self)
    #expect(
      plain == #"2026-01-10 12:00:00.123 WARN  api: a"\xff\n\x01 n=5 ok=true list=[null,1.5,x] map={k:0x76} nan=nan"#
        + "\n")
    #expect(
      String(decoding: try written("-o short"), as: UTF8.self).hasPrefix("2026-01-10 12:00:00.123 web WARN  api: "))
    #expect(try written("--color always").contains(0x1b))
    #expect(try !written("").contains(0x1b))
  }

  @Test func `an entry is one line in short and json, whatever it holds and wherever it is written`() throws {
    let bad = "a\nb\r\u{1b}[2J\u{9b}1m\u{202e}\u{2028}\u{2066}\u{7f}\tz"
    let entry = LogEntry(
      message: ByteString(bad), source: ByteString(bad),
      attributes: [LogAttribute(bad, .string(bad)), LogAttribute("m", .map([]))])
    for flags in ["", "--color always", "-o json", "-o cat", "-o logfmt", "--template {source}{message}{attributes}"] {
      var writer = try writer(flags)
      var output: [UInt8] = []
      writer.append(entry, of: StreamName("web"), to: &output)
      let text = String(decoding: output, as: UTF8.self)
      #expect(text.unicodeScalars.count { $0 == "\n" } == 1 && text.hasSuffix("\n"))
      let plain = text.dropLast().replacing(/\u{1b}\[[0-9;]*m/, with: "")
      #expect(plain.unicodeScalars.allSatisfy(PrintableText.isHarmless), "\(plain.debugDescription)")
      if flags == "-o json" {
        let read = try #require(try JSONSerialization.jsonObject(with: Data(output)) as? [String: Any])
        #expect(read["message"] as? String == bad && read["source"] as? String == bad)
        #expect((read["attributes"] as? [String: Any])?[bad] as? String == bad)
      }
    }
  }

  @Test func `raw joins consecutive parts of a line, and begins a new line for anything else`() throws {
    var writer = try writer("-o raw")
    var output: [UInt8] = []
    func write(_ text: String, _ part: LinePart?, of stream: String = "web") throws {
      let entry = LogEntry(message: ByteString(text), attributes: part?.attributes ?? [])
      writer.append(entry, of: try StreamName(stream), to: &output)
    }
    func part(_ line: String, _ ordinal: Int64, last: Bool = false) -> LinePart {
      LinePart(line: line, ordinal: ordinal, isLast: last)
    }
    for (text, ordinal) in [("a1 ", Int64(1)), ("a2 ", 2)] { try write(text, part("a", ordinal)) }
    try write("a3", part("a", 3, last: true))
    try write("plain", nil)
    try write("b1", part("b", 1))
    try write("between", nil)
    try write("b2", part("b", 2, last: true))
    try write("c1", part("c", 1))
    try write("d2", part("d", 2, last: true))
    try write("e1", part("e", 1))
    try write("e2", part("e", 2, last: true), of: "other")
    #expect(String(decoding: output, as: UTF8.self) == "a1 a2 a3\nplain\nb1\nbetween\nb2\nc1\nd2\ne1\ne2\n")
  }

  @Test func `a table shows foreign text in one line`() {
    var table = Table([Table.Column(heading: "FACT", isNumber: false), Table.Column(heading: "VALUE", isNumber: false)])
    table.append(["version", "1\n2\u{202e}"])
    #expect(table.text(columnCount: nil) == #"FACT     VALUE\#nversion  1\n2\u{202e}"#)
  }

  @Test func `a table's numbers are right-aligned`() {
    var table = Table([
      Table.Column(heading: "NAME", isNumber: false), Table.Column(heading: "N", isNumber: true),
      Table.Column(heading: "STATE", isNumber: false),
    ])
    table.append(["web", "10", "open"])
    table.append(["a", "5", "sealed"])
    #expect(table.text(columnCount: nil) == "NAME   N  STATE\nweb   10  open\na      5  sealed")
  }

  @Test func `on a narrow screen columns leave in their order, then names lose their middles`() {
    let columns: [Report.Column<String>] = [
      Report.Column("name", "NAME", fit: .shortens) { .text($0) },
      Report.Column("time", "TIME", fit: .leaves(1)) { _ in .text("12:00") },
      .count("n", "N", fit: .leaves(2)) { _ in 7 }, Report.Column("state", "STATE") { _ in .text("open") },
    ]
    let table = Table(["docker/漢字/a-long-name-0001", "web"], columns, zone: .utc)
    let widths = [80, 48, 41, 40, 38, 37, 24, 19, 1].map { count in
      table.text(columnCount: count).split(separator: "\n").map { DisplayWidth.of("\($0)") }.max() ?? 0
    }
    #expect(widths == [45, 45, 38, 38, 38, 35, 24, 19, 19])
    #expect(
      table.text(columnCount: 24) == """
        NAME               STATE
        docker/…ame-0001   open
        web                open
        """)
    #expect(table.text(columnCount: nil) == table.text(columnCount: 80))
  }

  @Test func `a report is a table for people, and one object a line with the same values for programs`() {
    let columns: [Report.Column<(String, UInt64, Int64)>] = [
      Report.Column("name", "NAME") { .text($0.0) }, .count("entries", "ENTRIES") { $0.1 },
      Report.Column("id", nil) { _ in .none }, Report.Column(nil, "SIZE") { _ in .text("big") },
      Report.Column("last", "LAST TIME") { .time($0.2) },
    ]
    let rows: [(String, UInt64, Int64)] = [("web", 7, 0), ("api", 12, 1_768_046_400_123_456_789)]
    #expect(
      Table(rows, columns, zone: .utc).text(columnCount: nil) == """
        NAME  ENTRIES  SIZE  LAST TIME
        web         7  big   -
        api        12  big   2026-01-10 12:00:00.123
        """)
    #expect(
      String(decoding: Report(rows, columns, zone: .utc).json, as: UTF8.self) == """
        {"name":"web","entries":7,"id":null,"last":null}
        {"name":"api","entries":12,"id":null,"last":"2026-01-10T12:00:00.123456789Z"}

        """)
  }

  @Test func `values of all kinds have a form in JSON`() {
    let datum = Datum.record([
      ("count", .count(1)), ("measure", .measure(1.5)), ("flag", .flag(true)), ("text", .text("\n")), ("none", .none),
      ("list", .list([.count(1), .list([]), .record([])])),
    ])
    var json = JSONWriter()
    json.datum(datum)
    #expect(
      String(decoding: json.bytes, as: UTF8.self)
        == #"{"count":1,"measure":1.5,"flag":true,"text":"\n","none":null,"list":[1,[],{}]}"#)
  }
}
