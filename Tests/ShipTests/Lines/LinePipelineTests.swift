import LogsText
import LogsWire
import Testing

@testable import LogsShip

struct LinePipelineTests {
  @Test func `the format is read, and what the source says of a line counts`() throws {
    var lines = LineHarness {
      $0.attributes = [LogAttribute("host.name", "box")]
      $0.severity = .debug
      $0.source = "app"
    }
    let text = #"{"time":"2026-01-10T12:00:00Z","level":"warn","msg":"hi","stream":"orders","n":1}"#
    lines.add(text, stream: "stderr")
    lines.add(text, stream: "stderr", time: 5)
    lines.add("plain")
    let first = try #require(lines.entries.first)
    #expect(first.time == 1_768_046_400_000_000_000)
    #expect(first.severity == .warning)
    #expect(first.text == "hi")
    #expect(first.source == "app")
    #expect(
      first.attributes == [
        LogAttribute("host.name", "box"), LogAttribute("stream", "stderr"), LogAttribute("line.stream", "orders"),
        LogAttribute("n", 1),
      ])
    #expect(lines.entries[1].time == 5)
    #expect(lines.entries[2].severity == .debug)
    #expect(lines.entries[2].time == 0)
  }

  @Test func `a line without any time has that of its arrival`() {
    var lines = LineHarness()
    for text in ["plain", #"{"time":"2026-01-10T12:00:00Z","msg":"x"}"#] {
      var line = SourceLine(ByteString(text))
      line.arrival = 7
      line.severity = .notice
      line.writer = "unit"
      lines.add(line)
    }
    #expect(lines.entries.map(\.time) == [7, 1_768_046_400_000_000_000])
    #expect(lines.entries.map(\.severity) == [.notice, .notice])
    #expect(lines.entries.map(\.source) == ["unit", "unit"])
  }

  @Test func `a line that was cut says how long it was and is read as raw`() {
    var lines = LineHarness()
    lines.add(SourceLine(ByteString("{\"level\":\"error\""), byteCount: 2_000_000))
    lines.add("ERROR x")
    lines.add(SourceLine(ByteString("\tat a"), byteCount: 2_000_000))
    #expect(lines.texts == ["{\"level\":\"error\"", "ERROR x", "\tat a"])
    #expect(lines.entries[0].attributes == [LogAttribute("logs.truncated", 2_000_000)])
    #expect(lines.entries[0].severity == .unspecified)
  }

  @Test func `a pattern says where groups begin`() throws {
    let start = try LineExpression(#"^(?=\d{4}-)"#)
    var lines = LineHarness { $0.grouping = .start(start) }
    lines.addAll("loose\n2026-01-10 a\n  b\n\nc\n2026-01-11 d")
    #expect(lines.texts == ["loose", "2026-01-10 a\n  b\n\nc"])
    #expect(lines.ends == [1, 5])
    #expect(lines.pipeline.deadline == lines.now + .seconds(1))
    lines.flush()
    #expect(lines.texts.last == "2026-01-11 d")
  }

  @Test func `without grouping nothing waits`() {
    var lines = LineHarness { $0.grouping = .none }
    lines.addAll("ERROR x\n\tat a.b(C.java:1)")
    #expect(lines.texts == ["ERROR x", "\tat a.b(C.java:1)"])
  }

  @Test func `only lines with equal attributes are grouped, and the order of first lines is kept`() {
    var lines = LineHarness()
    lines.add("a.b.Refusal: x", stream: "stderr")
    lines.add("out 1", stream: "stdout")
    lines.add("\tat a.b(C.java:1)", stream: "stderr")
    lines.add("out 2", stream: "stdout")
    lines.add("\tat a.b(C.java:2)", stream: "stderr")
    #expect(lines.entries.isEmpty)
    lines.add("later", stream: "stderr")
    #expect(lines.texts == ["a.b.Refusal: x\n\tat a.b(C.java:1)\n\tat a.b(C.java:2)", "out 1", "out 2", "later"])
    // Nothing is left open between the first and the last line: one place covers all of them.
    #expect(lines.ends == [0, 0, 5, 6])
  }

  @Test func `a group that overlaps one that waits is held back with it`() {
    var lines = LineHarness()
    lines.add("a.b.Refusal: x", stream: "stderr")
    lines.add("c.d.Refusal: y", stream: "stdout")
    lines.add("\tat a.b(C.java:1)", stream: "stderr")
    lines.add("end", stream: "stderr")
    #expect(lines.entries.isEmpty)
    lines.add("end", stream: "stdout")
    #expect(lines.texts == ["a.b.Refusal: x\n\tat a.b(C.java:1)", "c.d.Refusal: y", "end", "end"])
    #expect(lines.ends == [0, 3, 4, 5])
  }

  @Test func `a group whose time has come is complete with the next line of another one`() {
    var lines = LineHarness()
    lines.add("a.b.Refusal: x", stream: "stderr")
    lines.now = lines.now + .milliseconds(50)
    lines.add("out", stream: "stdout")
    #expect(lines.texts == ["a.b.Refusal: x", "out"])
  }

  @Test func `groups are bounded in lines`() {
    var lines = LineHarness()
    lines.add("a.b.Refusal: x")
    for number in 1..<2_500 { lines.add("\tat a.b(C.java:\(number))") }
    lines.flush()
    #expect(lines.entries.count == 3)
    #expect(lines.texts.map { $0.split(separator: "\n").count } == [1_000, 1_000, 500])
    #expect(lines.ends == [1_000, 2_000, 2_500])
  }

  @Test func `groups are bounded in bytes, also by what waits behind them`() {
    var lines = LineHarness()
    let frame = "\tat " + String(repeating: "x", count: 100_000)
    for _ in 0..<25 { lines.add(frame) }
    lines.flush()
    #expect(lines.entries.count == 3)
    #expect(lines.entries.allSatisfy { $0.message.count <= Limits.messageByteCountMax })

    lines = LineHarness()
    lines.add("a.b.Refusal: x", stream: "stderr")
    for _ in 0..<25 { lines.add(String(repeating: "y", count: 100_000), stream: "stdout") }
    #expect(lines.entries.count == 26)
  }

  @Test func `dropped lines are covered by what is read on`() throws {
    let drop = try LineExpression("^(GET /health|\\s+at hidden)")
    var lines = LineHarness { $0.rules.drops = [drop] }
    lines.add("GET /health 200")
    #expect(lines.entries.isEmpty)
    #expect(lines.ends == [1])
    lines.addAll("a.b.Refusal: x\n\tat hidden.a(B.java:1)\n\tat shown.a(B.java:1)")
    #expect(lines.ends == [1])
    lines.add("GET /health 200")
    lines.flush()
    #expect(lines.texts == ["a.b.Refusal: x\n\tat shown.a(B.java:1)"])
    #expect(lines.ends == [1, 5])
    #expect(lines.pipeline.droppedCount == 3)
  }
}
