import Testing

@testable import LogsWire

/// Two filters as one.
@Suite struct FilterConjunctionTests {
  @Test func `both have to pass, whatever they are made of`() throws {
    let texts = [
      "a", "a b", "a OR b", "NOT a", "-a", "(a OR b) c", "/x y/i", "/x", "/x\\", "y/", "x/ y/i", "\"a b\"",
      "level>=warn",
      "a:(1,2) OR b:*", "NOT a OR b", "=w", "and", "a\tb\nc", "x\"y",
    ]
    for left in texts {
      for right in texts {
        let (first, second) = try (Filter(left), Filter(right))
        let both = try first.and(second)
        #expect(flat(both.root) == flat(.and([first.root, second.root])), "\(left) | \(right): \(both.text)")
        #expect(try Filter(both.text) == both)
      }
    }
  }

  /// ANDs inside of ANDs in one.
  private func flat(_ node: FilterNode) -> [FilterNode] {
    guard case .and(let nodes) = node else { return [node] }
    return nodes.flatMap(flat)
  }

  @Test func `what lets everything through adds nothing`() throws {
    let filter = try Filter("a OR b")
    #expect(try Filter("").and(filter).text == "a OR b")
    #expect(try filter.and(Filter(" ")).text == "a OR b")
  }

  @Test func `limits hold for both together`() throws {
    let half = try Filter((0..<300).map { "w\($0)" }.joined(separator: " "))
    #expect(throws: FilterError.self) { try half.and(half) }
  }

  @Test func `times are those of entries, both ends included`() throws {
    let noon: Int64 = 1_768_046_400_000_000_000
    #expect(try Filter(since: noon, until: nil).root == .test(.time(noon...Int64.max)))
    #expect(
      try Filter(since: noon, until: noon + 5)
        == Filter("time>=2026-01-10T12:00:00Z time<=2026-01-10T12:00:00.000000005Z"))
    #expect(try Filter(since: nil, until: nil).root == .all)
    #expect(throws: FilterError.self) { try Filter(since: 2, until: 1) }
    #expect(throws: FilterError.self) { try Filter(since: -1, until: nil) }
    #expect(throws: FilterError.self) { try Filter(since: nil, until: .max) }
  }
}

/// What of a message is shown in another color.
@Suite struct FilterHighlighterTests {
  /// The message with brackets around what was found.
  private func marked(_ message: String, _ filter: String) throws -> String {
    guard let highlighter = FilterHighlighter(try Filter(filter)) else { return "nothing" }
    let bytes = Array(message.utf8)
    var text: [UInt8] = []
    var offset = 0
    for range in highlighter.ranges(in: ByteString(bytes)) {
      text += bytes[offset..<range.lowerBound] + Array("[".utf8) + bytes[range] + Array("]".utf8)
      offset = range.upperBound
    }
    return String(decoding: text + bytes[offset...], as: UTF8.self)
  }

  @Test func `words, phrases and expressions of the message are found, all of them`() throws {
    #expect(try marked("Timeout after timeout", "timeout") == "[Timeout] after [timeout]")
    #expect(try marked("Timeout after timeout", "Timeout") == "[Timeout] after timeout")
    #expect(try marked("id: idle id", "=id") == "[id]: idle [id]")
    #expect(try marked("took 12ms, 2150ms", #"/\d+ms/"#) == "took [12ms], [2150ms]")
    #expect(try marked("a GET of b", "get OR /a.*G/") == "[a GET] of b")
    #expect(try marked("aaa", "aa") == "[aa]a")
    #expect(try marked("aaa", "/x*/") == "aaa")
    #expect(try marked("ÄÖ und äö", "äö") == "[ÄÖ] und [äö]")
    #expect(try marked("müde é", "/é|$/") == "müde [é]")
  }

  @Test func `what is excluded and what is said about fields is not shown`() throws {
    #expect(try marked("a b c", "b -c NOT a") == "a [b] c")
    #expect(try marked("500", "status:500 level>=warn") == "nothing")
    #expect(try marked("500", "") == "nothing")
  }

  @Test func `colors in the message are passed over`() throws {
    #expect(try marked("\u{1b}[32mDE\u{1b}[0mBUG x", "debug") == "\u{1b}[32m[DE\u{1b}[0mBUG] x")
  }
}
