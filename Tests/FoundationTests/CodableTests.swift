import Foundation
import LogsClient
import LogsFoundation
import Testing

@Suite struct CodableTests {
  private func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  private func decoded<Value: Decodable>(_ type: Value.Type, _ text: String) throws -> Value {
    try JSONDecoder().decode(type, from: Data(text.utf8))
  }

  private var entry: LogEntry {
    var entry = LogEntry(
      message: "slow \(3)", time: 1_768_046_400_123_456_789, severity: .warning, source: "web",
      attributes: [
        "double": 1.5, "flag": true, "int": -7, "list": [1, 2], "map": ["a": "b"], "none": String?.none, "text": "x",
      ])
    entry.sequence = 5
    entry.received = 1_768_046_400_200_000_000
    return entry
  }

  private let text = """
    {"attributes":{"double":1.5,"flag":true,"int":-7,"list":[1,2],"map":{"a":"b"},"none":null,"text":"x"},\
    "kind":"log","level":"warn","message":"slow 3","received":"2026-01-10T12:00:00.200000000Z","seq":5,"severity":13,\
    "source":"web","stream":"docker/web","time":"2026-01-10T12:00:00.123456789Z"}
    """

  @Test func `an entry is coded in the form of the command line`() throws {
    let item = try decoded(StreamEntry.self, text)
    #expect(try json(item) == text)
    #expect(item.stream == "docker/web" && item.incarnation == .any && item.entry == entry)
  }

  @Test func `an entry needs only its message, and its errors are those of the standard library`() throws {
    #expect(try decoded(LogEntry.self, #"{"message":"m"}"#) == LogEntry(message: "m"))
    for wrong in [
      "{}", #"{"message":"m","kind":"other"}"#, #"{"message":"m","time":"now"}"#, #"{"message":"m","severity":99}"#,
    ] {
      do {
        _ = try decoded(LogEntry.self, wrong)
        Issue.record("\(wrong) is taken")
      } catch is DecodingError {
      }
    }
  }

  @Test func `names, cursors and streams survive coding`() throws {
    #expect(try decoded([StreamName].self, #"["web","$server/log"]"#).map(\.text) == ["web", "$server/log"])
    #expect(throws: DecodingError.self) { try decoded([StreamName].self, #"["a b"]"#) }
    let cursor = LogCursor([CursorPosition(stream: "web", incarnation: Incarnation(255), sequence: 7)])
    #expect(try json(cursor) == #""v1,web=7.00000000000000ff""#)
    #expect(try decoded(LogCursor.self, json(cursor)) == cursor)
    let summary = """
      {"bytes":99,"entries":7,"first":1,"incarnation":"00000000000000ff","last":7,"last_received":null,"name":"web",\
      "state":"sealed"}
      """
    #expect(try json(decoded(StreamSummary.self, summary)) == summary)
  }
}

@Suite struct DateTests {
  @Test func `dates and times of entries are the same moments`() {
    var entry = LogEntry(message: "m")
    #expect(entry.date == nil && entry.receivedDate == nil && entry.timeSince1970 == nil)
    for seconds in [-1.5, 0.25, 1_768_046_400.5] {
      let date = Date(timeIntervalSince1970: seconds)
      entry.date = date
      #expect(entry.time == Int64(seconds * 1e9))
      #expect(entry.date == date)
      #expect(entry.timeSince1970 == .nanoseconds(Int64(seconds * 1e9)))
      #expect(FollowStart.since(date) == .since(entry.time))
      #expect(FollowEnd.at(date).time == entry.time)
    }
    #expect(Date.distantFuture.nanosecondsSince1970 == .max)
    #expect(Date.distantPast.nanosecondsSince1970 == .min)
    entry.timeSince1970 = .seconds(2)
    #expect(entry.time == 2_000_000_000)
  }

  @Test func `values of Foundation can be attributes`() throws {
    let id = UUID()
    let url = try #require(URL(string: "https://example.org/a"))
    let attributes: LogAttributes = [
      "id": id, "url": url, "at": Date(timeIntervalSince1970: 0.5), "data": Data([1, 2]),
    ]
    #expect(attributes["id"] == .string(id.uuidString) && attributes["url"] == "https://example.org/a")
    #expect(attributes["at"] == "1970-01-01T00:00:00.500Z")
    #expect(attributes["data"] == .bytes(ByteString([1, 2])))
  }
}
