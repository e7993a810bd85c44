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

  private func text(_ flags: String..., screen: Int? = nil) throws -> String {
    let arguments = try Arguments(["--utc", "--no-color"] + flags, options: OutputOptions.all, help: "")
    var writer = try EntryWriter(
      arguments, namesStreams: true, filter: nil, columnCount: screen.map { count in { @Sendable in count } })
    var output: [UInt8] = []
    for (stream, entry) in Self.entries() { writer.append(entry, of: stream, to: &output) }
    return String(decoding: output, as: UTF8.self)
  }

  @Test func `short has columns as wide as what was shown, and NOTICE keeps its name`() throws {
    #expect(
      try text() == #"""
        2026-01-10 12:00:00.123 web WARN  api: slow "query"\nselect 1 ms=1250 http={method:GET} user="bob, smith"
        2026-01-10 12:00:02.000 docker/nginx NOTICE plain
        2026-01-10 12:00:02.000 web          NOTICE plain

        """#)
  }

  @Test func `cat is the message as one line, raw its bytes, both with the time on request`() throws {
    #expect(try text("-o", "cat") == "slow \"query\"\\nselect 1\nplain\nplain\n")
    #expect(try text("-o", "raw") == "slow \"query\"\nselect 1\nplain\nplain\n")
    #expect(try text("-o", "cat", "-t").hasPrefix("2026-01-10 12:00:00.123 slow"))
    #expect(try text("-o", "raw", "-t").hasSuffix("\n2026-01-10 12:00:02.000 plain\n"))
  }

  @Test func `full shows everything, and lines of the message as lines`() throws {
    #expect(
      try text("-o", "full").hasPrefix(
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

  @Test func `logfmt is one line, quoted where it has to be`() throws {
    #expect(
      try text("-o", "logfmt").hasPrefix(
        #"""
        time=2026-01-10T12:00:00.123456789Z level=warn stream=web seq=9007199254740993 source=api \#
        msg="slow \"query\"\nselect 1" ms=1250 http="{\"method\":\"GET\"}" user="bob, smith"
        time=2026-01-10T12:00:02.000000000Z level=notice stream=docker/nginx seq=7 msg=plain

        """#))
  }

  @Test func `csv has a line of names, and quotes what has to be quoted`() throws {
    #expect(
      try text("-o", "csv") == #"""
        stream,seq,time,level,source,message,attributes
        web,9007199254740993,2026-01-10T12:00:00.123456789Z,warn,api,"slow ""query""
        select 1","{""ms"":1250,""http"":{""method"":""GET""},""user"":""bob, smith""}"
        docker/nginx,7,2026-01-10T12:00:02.000000000Z,notice,,plain,
        web,7,2026-01-10T12:00:02.000000000Z,notice,,plain,

        """#)
    #expect(
      try text("-o", "csv", "--columns", "attr.http.method,seq")
        == "attr.http.method,seq\nGET,9007199254740993\n,7\n,7\n")
    // Only a terminal has to be saved from what is in messages.
    #expect(
      try text("-o", "csv", "--columns", "message", screen: 80) == #"""
        message
        "slow ""query""\nselect 1"
        plain
        plain

        """#)
  }

  @Test func `columns have tabs between them, are aligned in short, and are keys in logfmt`() throws {
    #expect(
      try text("--columns", "level,attr.user,seq") == "warn\tbob, smith\t9007199254740993\nnotice\t\t7\nnotice\t\t7\n")
    #expect(
      try text("-o", "short", "--columns", "level,attr.user,seq") == """
        WARN  bob, smith 9007199254740993
        NOTICE            7
        NOTICE            7

        """)
    #expect(
      try text("-o", "logfmt", "--columns", "seq,attr.user").hasPrefix(
        "seq=9007199254740993 user=\"bob, smith\"\nseq=7\n"))
  }

  @Test func `json stays exact, and json-pretty is the same over several lines`() throws {
    #expect(try text("-o", "json").contains(#""seq":9007199254740993,"#))
    let pretty = try text("-o", "json-pretty")
    #expect(
      pretty.hasPrefix("{\n  \"stream\": \"web\",\n  \"seq\": 9007199254740993,\n")
        && pretty.contains("\n  \"attributes\": {},\n"))
    #expect(
      pretty.contains("  \"attributes\": {\n    \"ms\": 1250,\n    \"http\": {\n      \"method\": \"GET\"\n    },\n"))
    let first = try #require(pretty.split(separator: "\n}\n").first)
    #expect(try JSONSerialization.jsonObject(with: Data("\(first)\n}".utf8)) is [String: Any])
  }

  @Test func `a template shows fields, and says which there are`() throws {
    #expect(
      try text("--template", "{{{time}}} {level} {message} {attr.ms}/{attr.http.method}") == #"""
        {2026-01-10 12:00:00.123} warn slow "query"\nselect 1 1250/GET
        {2026-01-10 12:00:02.000} notice plain /
        {2026-01-10 12:00:02.000} notice plain /

        """#)
    for (wrong, reason) in [
      ("{tme}", "did you mean time?"), ("{", "not closed"), ("}", "closes nothing"), ("{attr.}", "attr.NAME"),
    ] {
      let error = #expect(throws: CommandError.self) { _ = try text("--template", wrong) }
      #expect(error?.description.contains(reason) == true, "\(wrong): \(String(describing: error))")
    }
  }
}
