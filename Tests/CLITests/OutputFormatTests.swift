import Foundation
import LogsClient
import LogsText
import LogsWire
import Testing

@testable import LogsCLI

/// Each format, as people and programs see it.
@Suite struct OutputFormatTests {
  private static func entries() -> [(stream: StreamName, entry: LogEntry)] {
    var first = LogEntry(
      message: "slow \"query\"\nselect 1", time: 1_768_046_400_123_456_789, severity: .warning, source: "api",
      attributes: [
        LogAttribute("ms", 1_250), LogAttribute("http", .map([LogAttribute("method", "GET")])),
        LogAttribute("user", "bob, smith"),
      ])
    (first.sequence, first.received) = (9_007_199_254_740_993, 1_768_046_401_000_000_000)
    var second = LogEntry(message: "plain", severity: LogSeverity(number: 10) ?? .info)
    (second.sequence, second.received) = (7, 1_768_046_402_000_000_000)
    return [(StreamName("web"), first), (StreamName("docker/nginx"), second), (StreamName("web"), second)]
  }

  private func text(
    _ format: EntryWriter.Format = .short, template: EntryTemplate? = nil, columns: [EntryField]? = nil,
    showsTime: Bool = false
  ) -> String {
    var writer = EntryWriter(
      format: format, zone: .utc, usesColor: false, namesStreams: true, template: template, columns: columns,
      showsTime: showsTime)
    var output: [UInt8] = []
    for (stream, entry) in Self.entries() { writer.append(entry, of: stream, to: &output) }
    return String(decoding: output, as: UTF8.self)
  }

  @Test func `short has columns as wide as what was shown, and NOTICE keeps its name`() {
    #expect(
      text() == #"""
        2026-01-10 12:00:00.123 web WARN  api: slow "query"\nselect 1 ms=1250 http={method:GET} user="bob, smith"
        2026-01-10 12:00:02.000 docker/nginx NOTICE plain
        2026-01-10 12:00:02.000 web          NOTICE plain

        """#)
  }

  @Test func `cat is the message as one line, raw its bytes, both with the time on request`() {
    #expect(text(.cat) == "slow \"query\"\\nselect 1\nplain\nplain\n")
    #expect(text(.raw) == "slow \"query\"\nselect 1\nplain\nplain\n")
    #expect(text(.cat, showsTime: true).hasPrefix("2026-01-10 12:00:00.123 slow"))
    #expect(text(.raw, showsTime: true).hasSuffix("\n2026-01-10 12:00:02.000 plain\n"))
  }

  @Test func `full shows everything, and lines of the message as lines`() {
    #expect(
      text(.full).hasPrefix(
        #"""
        web 9007199254740993
          time      2026-01-10T12:00:00.123456789Z
          received  2026-01-10T12:00:01.000000000Z
          level     WARN (13)
          source    api
          message   slow "query"
                    select 1
            ms=1250
            http={method:GET}
            user="bob, smith"

        docker/nginx 7
          time      -
          received  2026-01-10T12:00:02.000000000Z
          level     NOTICE (10)
          message   plain

        """#))
  }

  @Test func `logfmt is one line, quoted where it has to be`() {
    #expect(
      text(.logfmt).hasPrefix(
        #"""
        time=2026-01-10T12:00:00.123456789Z level=warn stream=web seq=9007199254740993 source=api \#
        msg="slow \"query\"\nselect 1" ms=1250 http={method:GET} user="bob, smith"
        time=2026-01-10T12:00:02.000000000Z level=notice stream=docker/nginx seq=7 msg=plain

        """#))
  }

  @Test func `csv has a line of names, and quotes what has to be quoted`() throws {
    #expect(
      text(.csv) == #"""
        stream,seq,time,level,source,message,attributes
        web,9007199254740993,2026-01-10 12:00:00.123,warn,api,"slow ""query""
        select 1","{""ms"":1250,""http"":{""method"":""GET""},""user"":""bob, smith""}"
        docker/nginx,7,2026-01-10 12:00:02.000,notice,,plain,
        web,7,2026-01-10 12:00:02.000,notice,,plain,

        """#)
    let columns = try ["attr.http.method", "seq"].map { name throws(CommandError) in try EntryField(name) }
    #expect(text(.csv, columns: columns) == "attr.http.method,seq\nGET,9007199254740993\n,7\n,7\n")
  }

  @Test func `json stays exact, and json-pretty is the same over several lines`() throws {
    #expect(text(.json).contains(#""seq":9007199254740993,"#))
    let pretty = text(.jsonPretty)
    #expect(
      pretty.hasPrefix("{\n  \"stream\": \"web\",\n  \"seq\": 9007199254740993,\n")
        && pretty.contains("\n  \"attributes\": {},\n"))
    #expect(
      pretty.contains("  \"attributes\": {\n    \"ms\": 1250,\n    \"http\": {\n      \"method\": \"GET\"\n    },\n"))
    let first = try #require(pretty.split(separator: "\n}\n").first)
    #expect(try JSONSerialization.jsonObject(with: Data("\(first)\n}".utf8)) is [String: Any])
  }

  @Test func `a template shows fields, and says which there are`() throws {
    let template = try EntryTemplate("{{{time}}} {level} {message} {attr.ms}/{attr.http.method}")
    #expect(
      text(template: template).split(separator: "\n").map(String.init) == [
        #"{2026-01-10 12:00:00.123} warn slow "query"\nselect 1 1250/GET"#, "{2026-01-10 12:00:02.000} notice plain /",
        "{2026-01-10 12:00:02.000} notice plain /",
      ])
    for (wrong, reason) in [
      ("{tme}", "did you mean time?"), ("{", "not closed"), ("}", "closes nothing"), ("{attr.}", "attr.NAME"),
    ] {
      let error = #expect(throws: CommandError.self) { _ = try EntryTemplate(wrong) }
      #expect(error?.description.contains(reason) == true, "\(wrong): \(String(describing: error))")
    }
  }
}
