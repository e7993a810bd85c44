import LogsText
import Testing

@Suite struct ArgumentsTests {
  private let options = [
    Option("tail", ["n", "lines"], form: "N", help: ""), Option("reverse", ["r"], help: ""),
    Option("utc", help: ""),
  ]

  private func parse(_ words: String...) throws -> Arguments {
    try Arguments(words, options: options, help: "logs help follow")
  }

  @Test(arguments: [
    ["-n", "5"], ["-n5"], ["--tail", "5"], ["--tail=5"], ["--lines", "5"], ["-rn5"], ["-n", "1", "-n", "5"],
  ])
  func `a value is found in every form`(words: [String]) throws {
    let arguments = try Arguments(words + ["web"], options: options, help: "logs help follow")
    #expect(arguments.value("tail") == "5")
    #expect(arguments.operands == ["web"])
  }

  @Test func `a flag is known as it was written the last time`() throws {
    #expect(try parse("-n5").written("tail") == "-n")
    #expect(try parse("-n", "5", "--lines=6").written("tail") == "--lines")
    #expect(try parse("--tail", "5", "-rn6").written("tail") == "-n")
    #expect(try parse("-r").written("reverse") == "-r" && parse().written("reverse") == "--reverse")
  }

  @Test func `flags end at two dashes, and one dash is an operand`() throws {
    let arguments = try parse("-r", "-", "--", "-n")
    #expect(arguments.operands == ["-", "-n"])
    #expect(arguments.has("reverse") && !arguments.has("utc"))
  }

  @Test(arguments: [
    (["--tial", "5"], "there is no flag --tial; did you mean --tail?; see logs help follow"),
    (["-x"], "there is no flag -x; see logs help follow"),
    (["-n"], "-n needs a value (N); see logs help follow"),
    (["--utc=1"], "--utc has no value; see logs help follow"),
    (["--n", "5"], "there is no flag --n; see logs help follow"),
  ])
  func `mistakes are wrong usage`(words: [String], message: String) {
    let error = #expect(throws: UsageError.self) {
      try Arguments(words, options: options, help: "logs help follow")
    }
    #expect(error?.description == message)
  }
}
