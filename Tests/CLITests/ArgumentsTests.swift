import LogsText
import LogsWire
import Testing

@testable import LogsCLI

@Suite struct ArgumentsTests {
  private func parse(_ words: String...) throws -> Arguments {
    try Arguments(words, options: [Option("tail", ["n"], form: "N", help: "")], help: "logs help follow")
  }

  @Test func `numbers are whole and not too small`() throws {
    #expect(try parse("-n", "18446744073709551615").number("tail") == .max)
    #expect(throws: CommandError.self) { try parse("-n", "-1").number("tail") }
    #expect(throws: CommandError.self) { try parse("-n", "0").number("tail", atLeast: 1) }
  }

  @Test func `streams are names, patterns and the server's own names`() throws {
    let selectors = try StreamOperands.selectors(["web", "$audit", "docker/*"], of: "follow")
    guard case .stream(let name) = selectors[1], case .pattern = selectors[2] else {
      Issue.record("\(selectors)")
      return
    }
    #expect(name.text == "$audit")
    for text in ["$", "$$audit", "we$b"] {
      #expect(throws: LogError.self) { try StreamOperands.selectors([text], of: "follow") }
    }
  }
}
