// As applications see it: without `@testable` or other modules of the package.
import LogsClient
import Testing

/// Typical code compiles, and means what it says.
@Suite struct SurfaceTests {
  @Test func `variables of ordinary types are attributes`() {
    let (id, flag, name, missing) = (17, true, "bo", Int?.none)
    let entry = LogEntry(
      message: "order \(id) paid",
      attributes: ["order": id, "price": 9.5, "vip": flag, "tags": ["a"], "user": ["id": 7], "missing": missing])
    #expect(entry.text == "order 17 paid")
    #expect(entry["order"]?.intValue == 17 && entry["price"]?.doubleValue == 9.5 && entry["vip"]?.boolValue == true)
    #expect(entry["tags"]?.listValue == ["a"] && entry["user"]?.mapValue?["id"] == 7)
    #expect(entry["missing"] == .empty && entry["other"] == nil)
    let mixed: LogAttributes = [
      "user": ["name": name, "id": id] as LogAttributes, "list": [1, name, flag] as AttributeValue,
      "large": UInt64.max, "small": UInt8(3), "half": Float(0.5), "part": name.prefix(1), "stream": StreamName("web"),
    ]
    #expect(mixed["user"]?.mapValue?.map(\.key) == ["name", "id"])
    #expect(mixed["list"] == .list([1, "bo", true]))
    #expect(mixed["large"] == "18446744073709551615" && mixed["small"] == 3 && mixed["half"] == 0.5)
    #expect(mixed["part"] == "b" && mixed["stream"] == "web")
    var context = LogAttributes()
    context.set("order", to: id)
    context.set("order", to: missing)
    #expect(context.count == 1 && context.first == LogAttribute("order", .empty))
  }

  @Test func `a literal is a stream's name, and other text is checked`() throws {
    let stream: StreamName = "docker/web"
    #expect(StreamPattern("docker/*").matches(stream))
    let text = "a b"
    let error = #expect(throws: LogError.self) { try StreamName(text) }
    #expect(error?.code == .invalidName)
    #expect(throws: LogError.self) { try StreamPattern(text) }
  }

  @Test func `values describe themselves`() {
    let entry = LogEntry(
      message: "slow query", time: 1_768_046_400_000_000_000, severity: .warning, source: "web",
      attributes: ["ms": 1250, "sql": "select 1"])
    let line = "2026-01-10T12:00:00.000000000Z WARN web: slow query ms=1250 sql=\"select 1\""
    #expect("\(entry)" == line)
    #expect("\(LogAttributes(entry.attributes))" == "ms=1250 sql=\"select 1\"")
    #expect("\(StreamSelector.stream("web")) \(StreamSelector.pattern("a/*"))" == "web a/*")
    #expect("\(CursorPosition(stream: "web", incarnation: .any, sequence: 3))" == "web=3.0000000000000000")
  }
}
