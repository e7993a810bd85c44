import LogsText
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
}
