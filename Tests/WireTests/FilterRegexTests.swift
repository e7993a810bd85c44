import Testing

@testable import LogsSimulation
@testable import LogsWire

/// Regular expressions on text of any bytes (`spec/filter.md`, section 3.1).
@Suite struct FilterRegexTests {
  private static func matches(_ pattern: String, _ text: [UInt8], ignoresCase: Bool = false) throws -> Bool {
    let matcher = RegexMatcher()
    return try matcher.matches(FilterRegex(pattern, ignoresCase: ignoresCase), text.span.bytes)
  }

  private static let japanese: [UInt8] = [0xe6, 0x97, 0xa5, 0xe6, 0x9c, 0xac]

  @Test(arguments: [#"\S"#, #"\W"#, #"\D"#, "^..$", "[^a]", "日"], [false, true])
  func `characters beyond ASCII are matched, whatever stands behind them`(
    _ pattern: String, _ ignoresCase: Bool
  ) throws {
    #expect(try Self.matches(pattern, Self.japanese, ignoresCase: ignoresCase))
    if pattern != "^..$" {
      #expect(try Self.matches(pattern, Self.japanese + [0xff], ignoresCase: ignoresCase))
      #expect(try Self.matches(pattern, [0x80] + Self.japanese, ignoresCase: ignoresCase))
    }
  }

  @Test func `bytes that are not UTF-8 match nothing`() throws {
    #expect(try !Self.matches(".", [0xff, 0xc0]))
    #expect(try Self.matches(".*x", [0xff, UInt8(ascii: "x")]))
    #expect(try !Self.matches("a.b", [UInt8(ascii: "a"), 0xff, UInt8(ascii: "b")]))
  }

  @Test(arguments: ["(a+)+$", "(a|aa)+$", "(a*)*b", "(.*)(.*)(.*)(.*)(.*)x$"])
  func `a pattern that takes too long is an error, not a miss`(_ pattern: String) throws {
    let text = [UInt8](repeating: UInt8(ascii: "a"), count: 5_000) + [UInt8(ascii: "!")]
    let regex = try FilterRegex(pattern, ignoresCase: false)
    do throws(FilterFailure) {
      #expect(try !RegexMatcher().matches(regex, text.span.bytes))
    } catch {
      #expect(error == .tooCostly(pattern))
    }
  }

  @Test(
    arguments: [
      ("took \\d{4,}ms", "took "), ("a.*longer+x", "longer"), ("(a|b)cde?f", "cd"), ("abc|x", nil), ("(?i)abc", nil),
      ("[abc]def", "def"), ("\\.html", ".html"), ("ab*", nil), ("x{2}yz", "yz"), ("é+ab", "ab"),
      ("x{2,}?yz", "yz"), ("ab{|cd", nil), ("ab{1, 2}|cd", nil), ("a{,3}|bcd", nil), (#"[\c]]ab"#, nil),
      (#"(\c))ab"#, nil),
    ] as [(String, String?)])
  func `text that every match needs is found`(_ pattern: String, _ text: String?) throws {
    #expect(try FilterRegex(pattern, ignoresCase: false).required?.bytes == text.map { Array($0.utf8) })
  }

  private static let fragments = [
    "a", "b", "c", "ab", "bc", "é", "k", "(", ")", "(?:", "(?=", "|", "|", "*", "+", "?", "{", "}", "{2}", "{0}",
    "{1,}",
    "{,2}", "{1, 2}", "{a", "[", "]", "[^", "[ab]", "[]", "[[:alpha:]]", ":", ".", "^", "$", "\\", #"\w"#, #"\b"#,
    #"\c"#,
    #"\Q"#, #"\E"#, #"\{"#, #"\|"#, #"\("#, #"\]"#, "-", ",", "#", " ", "(?i)", "(?x)",
  ]

  /// Text that is not in every match would hide entries: the search for it goes first, in the index as well.
  @Test(arguments: TestSeeds.first(20)) func `every match of a random pattern has the text that it is said to need`(
    _ seed: UInt64
  ) throws {
    var random = SeededGenerator(seed: seed)
    let letters = Array("abck{}|()[]:,é12 ")
    var neededCount = 0
    for _ in 0..<2_000 {
      let pieces = (0..<Int.random(in: 1...9, using: &random)).map { _ in
        Self.fragments.randomElement(using: &random) ?? ""
      }
      let pattern = pieces.joined()
      let ignoresCase = Bool.random(using: &random)
      guard let regex = try? FilterRegex(pattern, ignoresCase: ignoresCase), let required = regex.required else {
        continue
      }
      for _ in 0..<20 {
        let text = String(
          (0..<Int.random(in: 0...8, using: &random)).map { _ in letters.randomElement(using: &random) ?? " " })
        let bytes = Array(text.utf8)
        guard try RegexMatcher().matches(regex, bytes.span.bytes) else { continue }
        neededCount += 1
        let folded = ignoresCase ? Array(text.lowercased().utf8) : bytes
        #expect(
          folded.indices.contains { folded[$0...].starts(with: required.bytes) },
          "\(pattern) matches \(text); \(TestSeeds.replay(seed, "FilterRegexTests"))")
      }
    }
    #expect(neededCount > 0, TestSeeds.replay(seed, "FilterRegexTests"))
  }
}
