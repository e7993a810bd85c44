import LogsText
import LogsWire
import Testing

@testable import LogsCLI

/// Flags as filters.
@Suite struct ShortFilterTests {
  private func texts(_ short: ShortFilter) throws -> [String] {
    let texts = try short.parts().map(\.text)
    for text in texts { _ = try Filter(text) }
    return texts
  }

  @Test func `a level is a threshold or a range`() throws {
    #expect(try texts(ShortFilter(level: "warn")) == ["level>=warn"])
    #expect(try texts(ShortFilter(level: "info..warn")) == ["level:info..warn"])
    #expect(try texts(ShortFilter(level: "..warn")) == ["level:..warn"])
    #expect(try texts(ShortFilter(level: "9")) == ["level>=9"])
    #expect(throws: CommandError.self) { try ShortFilter(level: "warn OR x").parts() }
    #expect(throws: CommandError.self) { try ShortFilter(level: "").parts() }
  }

  @Test func `of several patterns one is enough, and none may be excluded`() throws {
    #expect(try texts(ShortFilter(patterns: ["a", "b"])) == ["/a/i OR /b/i"])
    #expect(try texts(ShortFilter(exclusions: ["a", "b"])) == ["-/a/i", "-/b/i"])
    #expect(try texts(ShortFilter(patterns: ["a"], exclusions: ["B"])) == ["/a/i", "-/B/"])
  }

  @Test(arguments: [
    ("timeout", "/timeout/i"), ("Timeout", "/Timeout/"), (#"\S+ \Bx"#, #"/\S+ \Bx/i"#), (#"\p{Lu}x"#, #"/\p{Lu}x/"#),
    ("[[:upper:]]x", "/[[:upper:]]x/"), ("[[:^lower:]]", "/[[:^lower:]]/"), (#"\pL\W"#, #"/\pL\W/i"#),
    (#"\x{4F}"#, #"/\x{4F}/i"#), ("{A}", "/{A}/"), ("ünÖ", "/ünÖ/"), ("[[:alpha:]]", "/[[:alpha:]]/i"),
    ("/api/v1", #"/\/api\/v1/i"#), (#"a\/b"#, #"/a\/b/i"#), (#"\\/"#, #"/\\\//i"#), ("a\nb", #"/a\x{a}b/i"#),
    ("a\tb", "/a\tb/i"), (#"\Qa/b\E/"#, #"/\Qa\E\/\Qb\E\//i"#), (#"\QA.B"#, #"/\QA.B/"#),
    (#"\Qa\b\E"#, #"/\Qa\b\E/i"#), ("a b", "/a b/i"), (")", #"x"#),
  ])
  func `a pattern stands between slashes, and ignores case without a capital`(_ pattern: String, _ text: String) throws
  {
    // What is no expression is refused by the filter, as it is when it is written there.
    if text == "x" {
      let refused = try ShortFilter(patterns: [pattern]).parts().map(\.text).joined()
      #expect(throws: FilterError.self) { try Filter(refused) }
    } else {
      #expect(try texts(ShortFilter(patterns: [pattern])) == [text])
    }
  }

  @Test func `case is ignored whatever the pattern if that is asked for`() throws {
    #expect(try texts(ShortFilter(patterns: ["A"], exclusions: ["B"], ignoresCase: true)) == ["/A/i", "-/B/i"])
  }

  @Test func `a pattern is neither empty nor half an escape`() {
    for pattern in ["", "\\", #"a\\\"#] {
      #expect(throws: CommandError.self, "\(pattern)") { try ShortFilter(patterns: [pattern]).parts() }
    }
  }

  @Test func `a source is a whole one, or a pattern with stars`() throws {
    #expect(try texts(ShortFilter(sources: ["web", "a b"])) == [#"source:"web" OR source:"a b""#])
    #expect(try texts(ShortFilter(sources: ["nginx*"])) == ["source:nginx*"])
    #expect(try texts(ShortFilter(sources: [#"x"\y"#])) == [#"source:"x\"\\y""#])
    #expect(throws: CommandError.self) { try ShortFilter(sources: ["a b*"]).parts() }
  }
}

/// Flags and operands together.
@Suite struct FilterOptionsTests {
  private func arguments(_ words: String...) throws -> Arguments {
    try Arguments(words, options: FilterOptions.all, help: "logs help query")
  }

  @Test func `everything that is given has to pass`() throws {
    #expect(try FilterOptions.filter(arguments("web")) == nil)
    let filter = try FilterOptions.filter(
      arguments("web", "--filter", "a OR b", "-l", "warn", "-g", "c", "-g", "d", "-v", "e", "--source", "s"))
    #expect(try filter == Filter("(a OR b) level>=warn source:s (/c/i OR /d/i) -/e/i"))
    #expect(try FilterOptions.filter(arguments("web"), operand: "a") == Filter("a"))
  }

  @Test func `a mistake says where it is, in whose words it was`() throws {
    let mistake = #expect(throws: FilterMistake.self) {
      try FilterOptions.filter(arguments("web", "-l", "warn", "--filter", "a level:wran"))
    }
    #expect(mistake?.description.hasPrefix("filter, column 9:") == true)
    #expect(mistake?.lines == ["  a level:wran", "          ^"])
    let error = #expect(throws: CommandError.self) { try FilterOptions.filter(arguments("-g", "a(")) }
    #expect(error?.description.hasPrefix("-g: ") == true && error?.exitCode == 2)
    #expect(throws: CommandError.self) { try FilterOptions.filter(arguments("-i")) }
  }

  @Test func `times without a zone and those that are relative are made absolute`() throws {
    let filter = try #require(try FilterOptions.filter(arguments("--filter", "time>=1h")))
    #expect(filter.text.hasPrefix("time>=2") && filter.text.hasSuffix("Z"))
    #expect(try Filter(filter.text) == filter)
  }
}

/// `STREAM... [FILTER]`.
@Suite struct StreamOperandsTests {
  private func read(_ words: String...) throws -> String {
    let operands = try StreamOperands(
      Arguments(words, options: FilterOptions.all, help: "logs help query"), of: "query")
    let streams = operands.selectors.map { "\($0)" }.joined(separator: " ")
    return operands.filter.map { "\(streams) | \($0)" } ?? streams
  }

  @Test func `the last operand is a filter if it can be no stream`() throws {
    #expect(try read("web") == "web")
    #expect(try read("web", "db") == "web db")
    #expect(try read("web", "docker/*") == "web docker/*")
    #expect(try read("web", "level>=warn") == "web | level>=warn")
    #expect(try read("web", "db", "a b") == "web db | a b")
    #expect(try read("web", "level:warn") == "web | level:warn")
    #expect(try read("web", "status:500") == "web status:500")
    #expect(try read("web", "/took/") == "web | /took/")
    #expect(throws: (any Error).self) { try read("level>=warn") }
    #expect(throws: (any Error).self) { try read("web", "a b", "db") }
    #expect(throws: CommandError.self) { try read() }
  }

  @Test func `what is behind two dashes is a filter`() throws {
    #expect(try read("web", "--", "timeout") == "web | timeout")
    #expect(try read("web", "--", "-debug", "status:500") == "web | -debug status:500")
    #expect(try read("web", "--") == "web")
    #expect(throws: CommandError.self) { try read("--", "timeout") }
  }

  @Test func `there is one filter`() throws {
    #expect(try read("web", "db", "--filter", "x") == "web db")
    #expect(throws: CommandError.self) { try read("web", "--filter", "x", "--", "y") }
    #expect(throws: (any Error).self) { try read("web", "level>=warn", "--filter", "x") }
  }

  @Test func `a name and a colon with a wildcard behind is a filter, unless it is the first operand`() throws {
    for filter in ["user:a*", "trace_id:*", "path:/api*", "status:5*", "a.b-c:x?", "@user:*"] {
      #expect(try read("web", filter) == "web | \(filter)")
      #expect(try read(filter) == filter && read("web", "--filter", "x", filter) == "web \(filter)")
    }
    for pattern in ["error*", "docker/x:*", "*:x", "10:*", "std::*", "a*b:c", "$audit", "$*"] {
      #expect(try read("web", pattern) == "web \(pattern)")
    }
  }

  @Test func `a word that may have been meant as a filter is shown as one, as the shell needs it`() throws {
    func advice(_ words: String..., meant: [String]) throws -> String? {
      try StreamOperands(Arguments(words, options: FilterOptions.all, help: ""), of: "query")
        .advice(filtering: meant.contains)?.replacing("a filter stands behind --: logs query ", with: "")
    }
    #expect(try advice("web", "timeout", meant: ["timeout"]) == "web -- timeout")
    #expect(try advice("a/*", "b", "x", "y", meant: ["x", "y"]) == "'a/*' b -- x y")
    #expect(try advice("web", "x", "level>=warn", meant: ["x"]) == "web -- x 'level>=warn'")
    #expect(try advice("web", "x", "a OR b", meant: ["x"]) == "web -- x '(a OR b)'")
    // What a filter does not take is written so that it does.
    #expect(try advice("web", "error*", meant: ["error*"]) == "web -- error")
    #expect(try advice("web", "err?r", meant: ["err?r"]) == "web -- /err.r/")
    #expect(try advice("web", "err.*up", meant: ["err.*up"]) == "web -- '/err.*up/'")
    #expect(try advice("web", "a.b*c", meant: ["a.b*c"]) == #"web -- '/a\.b.*c/'"#)
    // Streams for certain.
    #expect(try advice("web", meant: ["web"]) == nil && advice("web", "db", meant: ["web", "db"]) == nil)
    #expect(try advice("web", "db", "--filter", "x", meant: ["db"]) == nil)
    #expect(try advice("web", "db", "--", "x", meant: ["db"]) == nil)
    #expect(
      ShellWord.quoted("it's") == #"'it'\''s'"# && ShellWord.quoted("") == "''" && ShellWord.quoted("=id") == "'=id'")
  }
}
