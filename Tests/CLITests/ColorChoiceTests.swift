import LogsText
import Testing

@testable import LogsCLI

@Suite struct ColorChoiceTests {
  private func isOn(_ flags: String, _ environment: [String: String], isTerminal: Bool = true) throws -> Bool {
    let words = flags.split(separator: " ").map(String.init)
    return try ColorChoice.isOn(
      try Arguments(words, options: OutputOptions.all, help: ""), isTerminal: isTerminal
    ) { environment[$0] }
  }

  @Test func `each rule wins over the ones behind it`() throws {
    #expect(try isOn("--color always", ["LOGS_COLOR": "never", "NO_COLOR": "1"], isTerminal: false))
    #expect(try !isOn("--color always --no-color", [:]))
    #expect(try isOn("", ["LOGS_COLOR": "always", "NO_COLOR": "1"], isTerminal: false))
    #expect(try !isOn("", ["NO_COLOR": "1", "FORCE_COLOR": "1"]))
    #expect(try isOn("", ["NO_COLOR": "", "TERM": "dumb", "CLICOLOR_FORCE": "1"], isTerminal: false))
    #expect(try isOn("", ["FORCE_COLOR": "1"], isTerminal: false))
    #expect(try !isOn("", ["FORCE_COLOR": "0"], isTerminal: false))
    #expect(try !isOn("", ["TERM": "dumb"]))
    #expect(try isOn("", ["TERM": "xterm"]))
    #expect(try !isOn("", ["TERM": "xterm"], isTerminal: false))
    #expect(throws: CommandError.self) { try isOn("", ["LOGS_COLOR": "yes"]) }
  }
}
