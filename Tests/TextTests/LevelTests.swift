import LogsWire
import Testing

@testable import LogsText

@Suite struct LevelTests {
  @Test(
    arguments: [
      ("emerg", 21), ("EMERGENCY", 21), ("alert", 19), ("panic", 21), ("dpanic", 21), ("critical", 18), ("CRIT", 18),
      ("C", 18), ("F", 21),
      ("fatal", 21),
      ("severe", 17), ("error", 17), ("err", 17), ("eror", 17), ("warning", 13), ("Warn", 13), ("notice", 10),
      ("info", 9),
      ("Information", 9), ("debug", 5), ("fine", 5), ("finer", 5), ("finest", 1), ("trace", 1), ("verbose", 1),
      ("silly", 1),
      ("E", 17), ("w", 13), ("INFO+2", 11), ("DEBUG-4", 1), ("ERROR+4", 21), ("ERROR+100", 24), ("debug-100", 1),
      (" info ", 9),
      ("\u{1b}[1;31mERROR\u{1b}[0m", 17), ("30", 9), ("60", 21),
    ] as [(AttributeValue, UInt8)])
  func `a word is a level`(word: AttributeValue, number: UInt8) {
    #expect(LevelScale.unsaid.severity(word)?.number == number)
  }

  @Test(arguments: ["trace", "debug", "info", "notice", "warn", "error", "crit", "alert", "fatal"])
  func `a level is shown under the name that it came with`(name: String) throws {
    let severity = try #require(LogSeverity(name: name))
    #expect("\(severity.levelName)" == name && "\(severity.capitalName)" == name.uppercased())
  }

  @Test(
    arguments: [
      (10, 1), (15, 3), (20, 5), (30, 9), (35, 11), (39, 12), (40, 13), (50, 17), (60, 21), (69, 24),
    ] as [(AttributeValue, UInt8)])
  func `tens, and numbers between them, are the levels of bunyan and pino`(value: AttributeValue, number: UInt8) {
    #expect(LevelScale.unsaid.severity(value)?.number == number)
  }

  @Test(
    arguments: [
      0, 1, 3, 7, 9, 70, 100, 400, -1, .integer(.max), .integer(.min), "3", "0", "", "x", "+2", "info+", "info+999",
      "+", "-4", 30.0, .empty,
      true, .list([30]), "２０", "99999999999999999999",
    ] as [AttributeValue])
  func `a digit without a known scale is not a level`(value: AttributeValue) {
    #expect(LevelScale.unsaid.severity(value) == nil)
  }

  @Test(arguments: [(0, 21), (1, 19), (2, 18), (3, 17), (4, 13), (5, 10), (6, 9), (7, 5)] as [(Int64, UInt8)])
  func `syslog counts down`(number: Int64, severity: UInt8) {
    #expect(LevelScale.syslog.severity(.integer(number))?.number == severity)
    #expect(LevelScale.syslog.severity(.string(String(number)))?.number == severity)
  }

  @Test func `no scale goes beyond its ends`() {
    for number in [-1, 8, 25, 255, Int64.max, .min] {
      #expect(LevelScale.syslog.severity(.integer(number)) == nil)
    }
    for number in [0, -1, 25, 255, 256, Int64.max, .min] {
      #expect(LevelScale.openTelemetry.severity(.integer(number)) == nil)
    }
    #expect(LevelScale.openTelemetry.severity(24)?.number == 24)
    #expect(LevelScale.word.severity(30) == nil && LevelScale.word.severity("30") == nil)
    #expect(LevelScale.postgres.severity("LOG") == .info && LevelScale.postgres.severity("DEBUG5") == .debug)
  }

  @Test(arguments: [
    #"{"level":3,"msg":"x"}"#, #"{"level":"3","msg":"x"}"#, #"{"level":0,"version":"1.1","msg":"x"}"#,
    #"{"level":3,"version":"2","host":"h","msg":"x"}"#, #"{"level":"spicy","msg":"x"}"#, #"{"level":null,"msg":"x"}"#,
  ])
  func `an unknown level stays an attribute`(line: String) {
    let entry = LoggerTests.entry(line, .json)
    #expect(entry.severity == .unspecified)
    #expect(entry.attributes.contains { $0.key == "level" })
  }

  @Test func `after an unknown level another name may give the level`() {
    let entry = LoggerTests.entry(#"{"level":400,"severity":"ERROR","msg":"x"}"#, .json)
    #expect(entry.severity == .error)
    #expect(entry.attributes == [LogAttribute("level", 400)])
  }
}
