import LogsWire
import Testing

@testable import LogsCLI

/// What is said about words of a filter that mean something elsewhere.
@Suite struct FilterWordsTests {
  @Test(arguments: [
    "a or b", "a and b", "(a or b) c", "level:warn or x", "a or (b)", "not a", "a (not b)", "a not level:debug",
    "a and not b", "a not (b c)", "a not \"b\"", "status:(500,502) or x", "a OR not b",
  ])
  func `a small operator where one would stand is noted`(filter: String) throws {
    _ = try Filter(filter)
    let note = try #require(FilterWords(filter).operatorNote)
    let word = try #require(["or", "and", "not"].first { filter.contains("\($0) ") })
    #expect(filter.contains("and not") ? note.hasPrefix("'and'") : note.hasPrefix("'\(word)'"), "\(note)")
  }

  @Test(arguments: [
    "", "a", "or", "and", "not", "a or", "or b", "connection not found", "\"a or b\"", "a \"or\" b", "a =or b",
    "a OR b", "NOT a", "/a or b/", "user:\"a or b\"", "a -not b", "user:or b", "path~/a or b/ c", "level:(warn, error)",
    "orange and", "(a) b",
  ])
  func `words are left alone`(filter: String) throws {
    _ = try Filter(filter)
    #expect(FilterWords(filter).operatorNote == nil)
  }

  @Test func `words know what they are`() {
    let words = FilterWords(#"-a:"b c" x"y =z /q r/i s:(1, 2) t(u) "v w":1 n~/o p/"#).words
    #expect(words.map(\.text) == [#"a:"b c""#, #"x"y"#, "=z", "/q r/i", "s:(1, 2)", "t", "u", #""v w":1"#, "n~/o p/"])
    #expect(words.map(\.isNegated) == [true] + Array(repeating: false, count: 8))
    #expect(words.map(\.fieldName) == ["a", nil, nil, nil, "s", nil, nil, nil, "n"])
    #expect(words.filter(\.isBeforeGroup).map(\.text) == ["t"])
    #expect(words.filter(\.isPlain).map(\.text) == [#"x"y"#, "t", "u"])
  }

  @Test(arguments: [
    ("timeout|refused", "/timeout|refused/"), (#"took\b"#, #"/took\b/"#), (#"\d+ms"#, #"/\d+ms/"#), ("^a", "/^a/"),
    ("a$", "/a$/"), ("[0-9]", "/[0-9]/"), ("x -[a-z]+", "/[a-z]+/"), (#"(a/\w)"#, #"/a\/\w/"#), ("a|/b", #"/a|\/b/"#),
    ("status:in(500,502)", "status:(500,502)"), ("isnull(user)", "no function"), ("ip:10.2.0.0/16", "ip:10.2.*"),
    ("ip=10.0.0.0/8", "ip:10.*"), ("user:bob,alice", "user:(bob,alice)"), ("message:timeout", "write timeout alone"),
    ("status>=abc", "'abc' is no number"), (#"/a\|b/"#, "| alone for either"), (#"path~/\<a/"#, #"\b"#),
    ("(?:a|b)", "/(?:…)/"),
  ])
  func `a term of another language is answered with what to write`(filter: String, remedy: String) throws {
    _ = try Filter(filter)
    let hint = try #require(ForeignTerms.hint(["plain", filter]))
    #expect(hint.contains(remedy), "\(hint)")
  }

  @Test(arguments: [
    ("ms>1,000", "ms>1000"), ("ms<=-1,234,567.5", "ms<=-1234567.5"), ("ms:1,000..5,000", "ms:1000..5000"),
    ("-ms:..5,000", "ms:..5000"), ("a ms!=10..1,000", "ms!=10..1000"),
  ])
  func `a number with commas is text, which is said`(filter: String, remedy: String) throws {
    _ = try Filter(filter)
    let hints = FilterWords(filter).words.compactMap(ValueHints.groupedDigits)
    #expect(hints.count == 1 && hints.first?.hasSuffix("; write \(remedy)") == true, "\(hints)")
    #expect(ForeignTerms.hint([filter]) == nil, "it is said once")
  }

  @Test(arguments: [
    "ms>1000", "ms:1,000", "ms:(1,000)", "ms>1,00", "ms>1,000ms", "source>1,000", "ms>\"1,000\"", "1,000..5,000",
    "ms>=0,5", "a:x..1,000", "ms~1,000..2", "ms>,000",
  ])
  func `other commas are left alone`(filter: String) throws {
    _ = try Filter(filter)
    #expect(FilterWords(filter).words.compactMap(ValueHints.groupedDigits).isEmpty)
  }

  @Test func `a pattern as grep has it is answered with how it is written`() throws {
    #expect(
      ForeignTerms.hint([], patterns: ["x", #"a\|b"#])?.hasPrefix(#"in -g 'a\|b', \| is the character |"#) == true)
    #expect(ForeignTerms.hint([], patterns: ["a|b", #"\(a\)"#, #"a\\|b"#]) == nil)
  }

  @Test(arguments: [
    "timeout", "\"a|b\"", "/a|b/", "=a|b", "$", "a.b", "a^b", "user:(1,2)", "(a) (b)", "a (b)", "path:/a/16", "[error]",
    "ip:10.2.0.0/64", "10%", "user~/a|b/", "\"x\" OR (y)", "user:(a,b)", "user:\"a,b\"", "a,b", "user:a,", "a>=5",
    "level>=warn", "time>=2026-01-10T12:00Z", "message:*x*", "message:\"x\"", #"/a\\|b/"#, "user:*", "a~b,c",
  ])
  func `text is not taken for another language`(filter: String) throws {
    _ = try Filter(filter)
    #expect(ForeignTerms.hint([filter]) == nil)
  }
}
