import Testing

@testable import LogsSimulation
@testable import LogsWire

@Suite struct `Names and severities` {
  @Test(arguments: [
    "a", "web", "docker/nginx", "task/42", "A.b_c:d@e-f", "a/b/c/d", ".", "..", "-", ":/@",
    String(repeating: "n", count: 200),
  ]) func `a valid stream name is accepted`(_ text: String) throws {
    #expect(try StreamName(text).text == text)
    #expect(try StreamName(server: "$" + text).text == "$" + text)
    #expect(try StreamPattern(text).text == text)
  }

  @Test(arguments: [
    "", "/", "/a", "a/", "a//b", "a b", "a\n", "a\0", "\u{e9}", "a\u{301}", "a*", "a?", "$", "$a", "a$", "a/$b", "a\\b",
    "a\u{FFFD}",
    "a\r\nb", String(repeating: "n", count: 201),
  ]) func `an invalid stream name is refused, in one line`(_ text: String) {
    let error = #expect(throws: LogError.self) { try StreamName(text) }
    #expect(error?.description.unicodeScalars.contains { $0.value < 0x20 || (0x7f..<0xa0).contains($0.value) } == false)
    #expect(throws: LogError.self) { try StreamName(server: "$" + text) }
  }

  @Test(arguments: ["$\u{301}web", "$\u{301}\u{302}", "web", "\u{e9}web", "$\u{200D}a", "", "$/a", "\r\n"])
  func `the server's own names are a dollar and a valid name, byte by byte`(_ text: String) {
    #expect(throws: LogError.self) { try StreamName(server: text) }
  }

  @Test(arguments: ["$\u{301}web", "$\u{0}", "$a b", "$", "\u{1b}[31m"])
  func `an invalid name from a peer is a fault of its request`(_ text: String) throws {
    let bytes = Array(text.utf8)
    let control = [100, 0, 0, 0, 0, UInt8(bytes.count)] + bytes
    let frame = try #require(try Frames.decode(Frames.frame(type: 30, id: 1, control: control)).first)
    let refusal = #expect(throws: Refusal.self) { try Message(decoding: frame) }
    #expect(refusal?.code == .badRequest)
  }

  @Test func `names are ordered byte by byte`() throws {
    let texts = ["-", "A", "Z", "_", "a", "a-", "a.b", "a/b", "aa", "b"]
    #expect(
      try texts.reversed().map { try StreamName($0) }.sorted().map(\.text)
        == texts.sorted { left, right in
          Array(left.utf8).lexicographicallyPrecedes(Array(right.utf8))
        })
  }

  static let matches: [(pattern: String, name: String, isMatch: Bool)] = [
    ("web", "web", true), ("web", "web2", false), ("web2", "web", false), ("w?b", "web", true), ("w?b", "w/b", false),
    ("*", "web", true), ("*", "docker/web", false), ("**", "docker/web", true), ("**", "$status", false),
    ("*", "$status", false), ("?status", "$status", false), ("$*", "$status", true), ("$**", "$a/b", true),
    ("$status", "$status", true), ("$*", "web", false), ("docker/*", "docker/web", true),
    ("docker/*", "docker/a/b", false),
    ("docker/**", "docker/a/b", true), ("docker/**", "docker", false), ("*/web", "docker/web", true),
    ("**/web", "a/b/web", true), ("**/web", "web", false), ("**web", "web", true), ("a*b*c", "axxbyyc", true),
    ("a*b*c", "ac", false), ("a*", "a", true), ("*a", "a", true), ("a**b", "ab", true), ("a**b", "a/x/b", true),
    ("***", "a/b", true), ("a*?", "ab", true), ("a*?", "a", false), ("*?*", "x", true), ("??", "x", false),
    ("*/*", "a/b", true), ("*/*", "a/b/c", false), ("**/*", "a/b/c", true), ("*/**", "a/b/c", true),
    ("*a*a*a*", "aaa", true), ("*a*a*a*a*", "aaa", false), ("a?c", "abc", true), ("a.c", "abc", false),
  ]

  @Test(arguments: matches.indices) func `a pattern matches the names that it should`(_ index: Int) throws {
    let (pattern, text, isMatch) = Self.matches[index]
    let name = try text.hasPrefix("$") ? StreamName(server: text) : StreamName(text)
    #expect(try StreamPattern(pattern).matches(name) == isMatch, "\(pattern) \(text)")
  }

  @Test(arguments: TestSeeds.first(10)) func `a pattern matches as a slow matcher does`(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<500 {
      let pattern = try Self.text(&random, "ab/*?$").flatMap { try? StreamPattern($0) }
      let text = try Self.text(&random, "ab/$")
      guard let pattern, let text, let name = (try? StreamName(text)) ?? (try? StreamName(server: text)) else {
        continue
      }
      let isServers = text.hasPrefix("$") && !pattern.text.hasPrefix("$")
      let expected = !isServers && Self.slow(Array(pattern.text.utf8)[...], Array(text.utf8)[...])
      #expect(pattern.matches(name) == expected, "\(pattern) \(name), \(TestSeeds.replay(seed, "NameTests"))")
    }
  }

  @Test(arguments: TestSeeds.first(10))
  func `a long pattern matches as a table-based matcher does, in one step for each byte and 64 of the pattern`(
    _ seed: UInt64
  ) throws {
    var random = SeededGenerator(seed: seed)
    var matchCount = 0
    for _ in 0..<500 {
      let text = try Self.text(&random, "aaaaaaab/", 1...200)
      guard let text, let name = try? StreamName(text) else { continue }
      // A name with gaps, so that many match.
      let holes = ["*", "**", "?", "*a*", "b"]
      let pieces = text.map { letter in
        Int.random(in: 0..<12, using: &random) == 0 ? holes.randomElement(using: &random) ?? "*" : String(letter)
      }
      guard let pattern = try? StreamPattern(pieces.joined()) else { continue }
      let (isMatch, stepCount) = pattern.matcher.match(name.text)
      let expected = Self.tabulated(Array(pattern.text.utf8), Array(text.utf8))
      #expect(isMatch == expected, "\(pattern) \(name), \(TestSeeds.replay(seed, "NameTests"))")
      #expect(stepCount <= 1 + text.utf8.count * (pattern.text.utf8.count / 64 + 1))
      matchCount += isMatch ? 1 : 0
    }
    #expect(matchCount > 10)
  }

  @Test func `the longest possible patterns are compared`() throws {
    let name = try StreamName(String(repeating: "a", count: 200))
    let patterns: [(String, Bool)] = [
      (String(repeating: "?", count: 200), true), (String(repeating: "*", count: 200), true),
      (String(repeating: "*a", count: 100), true), ("*" + String(repeating: "?", count: 199), true),
      (String(repeating: "a*", count: 99) + "b", false), (String(repeating: "?", count: 199), false),
      ("?" + String(repeating: "a", count: 198) + "?", true),
    ]
    for (text, isMatch) in patterns { #expect(try StreamPattern(text).matches(name) == isMatch, "\(text)") }
  }

  /// For each number of the name's first bytes, whether the pattern so far matches them.
  private static func tabulated(_ pattern: [UInt8], _ name: [UInt8]) -> Bool {
    var reachable = [Bool](repeating: false, count: name.count + 1)
    reachable[0] = true
    var index = 0
    while index < pattern.count {
      let byte = pattern[index]
      if byte == UInt8(ascii: "*") {
        let end = pattern[index...].firstIndex { $0 != byte } ?? pattern.count
        for place in name.indices where reachable[place] && (end > index + 1 || name[place] != UInt8(ascii: "/")) {
          reachable[place + 1] = true
        }
        index = end
        continue
      }
      for place in name.indices.reversed() {
        let fits = byte == UInt8(ascii: "?") ? name[place] != UInt8(ascii: "/") : name[place] == byte
        reachable[place + 1] = fits && reachable[place]
      }
      reachable[0] = false
      index += 1
    }
    return reachable[name.count]
  }

  private static func text(
    _ random: inout SeededGenerator, _ letters: String, _ count: ClosedRange<Int> = 1...7
  ) throws -> String? {
    let letters = Array(letters)
    return String(
      (0..<Int.random(in: count, using: &random)).map { _ in letters[Int.random(in: 0..<letters.count, using: &random)]
      })
  }

  private static func slow(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
    guard let first = pattern.first else { return name.isEmpty }
    let rest = pattern.dropFirst()
    switch first {
    case UInt8(ascii: "*"):
      if rest.first == UInt8(ascii: "*") {
        let tail = rest.drop { $0 == UInt8(ascii: "*") }
        return (0...name.count).contains { slow(tail, name.dropFirst($0)) }
      }
      return (0...name.count).contains { count in
        !name.prefix(count).contains(UInt8(ascii: "/")) && slow(rest, name.dropFirst(count))
      }
    case UInt8(ascii: "?"):
      guard let byte = name.first, byte != UInt8(ascii: "/") else { return false }
      return slow(rest, name.dropFirst())
    default: return name.first == first && slow(rest, name.dropFirst())
    }
  }

  @Test(arguments: ["", "a//b", "/*", "*/", "a b", "$", "a$", "**$", "[ab]", String(repeating: "*", count: 201)])
  func `an invalid pattern is refused`(_ text: String) {
    #expect(throws: LogError.self) { try StreamPattern(text) }
  }

  @Test func `text with a wildcard is a pattern`() {
    #expect(["*", "a?", "a/**"].allSatisfy { StreamPattern.isPattern($0) })
    #expect(!["a", "a/b", "$status"].contains { StreamPattern.isPattern($0) })
    #expect(StreamPattern.all.text == "**")
  }

  static let severities: [(String, UInt8, String)] = [
    ("trace", 1, "trace"), ("verbose", 1, "trace"), ("DEBUG", 5, "debug"), ("info", 9, "info"),
    ("Information", 9, "info"), ("notice", 10, "info"), ("warn", 13, "warn"), ("WARNING", 13, "warn"),
    ("err", 17, "error"), ("error", 17, "error"), ("severe", 17, "error"), ("crit", 18, "error"),
    ("critical", 18, "error"), ("alert", 19, "error"), ("fatal", 21, "fatal"), ("panic", 21, "fatal"),
  ]

  @Test(arguments: severities.indices) func `a level's name is a severity`(_ index: Int) throws {
    let (name, number, description) = Self.severities[index]
    let severity = try #require(LogSeverity(name: name))
    #expect(severity.number == number)
    #expect(severity.description == description)
  }

  @Test func `severities are 0 to 24, in order and in ranges of four`() throws {
    let all = (UInt8.min ... .max).compactMap { LogSeverity(number: $0) }
    #expect(all.map(\.number) == Array(0...24))
    #expect(all == all.sorted())
    let names = ["trace", "debug", "info", "warn", "error", "fatal"]
    #expect(all.map(\.description) == ["unspecified"] + names.flatMap { Array(repeating: $0, count: 4) })
    #expect(LogSeverity(name: "") == nil)
    #expect(LogSeverity(name: "loud") == nil)
  }
}

@Suite struct `Times` {
  @Test func `moments beyond the end of time are the end of time`() {
    let late = MonotonicTime(nanoseconds: .max - 1)
    #expect(late.advanced(byNanoseconds: 5).nanoseconds == .max)
    #expect(late.advanced(byMilliseconds: .max).nanoseconds == .max)
    #expect((late + .seconds(Int64.max)).nanoseconds == .max)
    #expect((late + .seconds(-1)) == late)
    #expect(MonotonicTime.zero.milliseconds(since: late) == 0)
    #expect(MonotonicTime.milliseconds(5).milliseconds(since: .milliseconds(2)) == 3)
    #expect(Duration.milliseconds(1).nanoseconds == 1_000_000)
    #expect(Duration.nanoseconds(-1).nanoseconds == -1)
    #expect(Duration.seconds(Int64.max).nanoseconds == .max)
    #expect(Duration.seconds(Int64.min).nanoseconds == .min)
  }

  @Test func `batch headers give effective times`() {
    var header = BatchHeader(
      codec: .none, flags: [.untimed], count: 1, minTime: 0, maxTime: 0, severities: 1, rawLength: 0, storedLength: 0)
    header.received = 50
    #expect(header.effectiveTimes == 50...50)
    header.minTime = -5
    header.maxTime = 10
    #expect(header.effectiveTimes == -5...50)
    header.flags = []
    #expect(header.effectiveTimes == -5...10)
    #expect(header.lastSequence == 0)
  }
}
