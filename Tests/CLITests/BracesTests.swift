import LogsText
import Testing

@testable import LogsCLI

/// Braces in the names of streams.
@Suite struct BracesTests {
  @Test func `braces stand for several words, in their order`() throws {
    let words = [
      "web": ["web"], "app/*": ["app/*"], "{a,b}": ["a", "b"], "x{a,b}y": ["xay", "xby"],
      "{a,b}/{c,d}": ["a/c", "a/d", "b/c", "b/d"], "web{,-old}": ["web", "web-old"], "a}": ["a}"],
    ]
    for (text, expected) in words { #expect(try Braces.words(text) == expected) }
  }

  @Test(arguments: ["{a", "{a}", "{}", "{a,{b,c}}", "we[ab]", "{0,1}{0,1}{0,1}{0,1}{0,1}{0,1}{0,1}"])
  func `what does not stand for several words is refused`(text: String) {
    #expect(throws: CommandError.self) { try Braces.words(text) }
  }

  @Test func `a word with braces is a stream behind streams, unless it can only be a filter`() throws {
    func operands(_ words: String...) throws -> StreamOperands {
      try StreamOperands(Arguments(words, options: [], help: ""), of: "query")
    }
    let both = try operands("web", "app/{a,b*}")
    #expect(both.selectors.count == 3 && both.filter == nil)
    for filter in [#"/\d{4,}/"#, #""{a,b}""#, "level>=warn", "/[ab]/", "[error]"] {
      #expect(try operands("web", filter).filter == filter)
    }
    #expect(throws: CommandError.self) { try operands("we[ab]", "web") }
  }
}
