import LogsWire
import Testing

@testable import LogsSimulation
@testable import LogsText

/// Lines that nobody writes: each format must turn each of them into an entry that a batch can hold, and lose nothing.
///
/// `LOGS_TEST_LINES` says how many lines a seed makes.
@Suite struct ReaderFuzzTests {
  private static let rules = TimeRules(zone: .offset(seconds: 7_200), now: 1_768_046_400_000_000_000)
  private static let template = LogEntry(message: ByteString(), time: 5, severity: .info, source: "s")

  @Test func `every prefix of every known line, and every line with one byte changed, is read`() throws {
    var checker = ReaderChecker(Self.template, Self.rules)
    var random = SeededGenerator(seed: 1)
    for line in LineMaker.corpus {
      for end in 0...line.count {
        try checker.check(Array(line[..<end]))
        guard end < line.count else { continue }
        var changed = line
        changed[end] = LineMaker.oddBytes.randomElement(using: &random) ?? 0
        try checker.check(changed)
      }
    }
  }

  @Test(arguments: TestSeeds.first(20))
  func `lines made of fragments, numbers, dates, escapes and brackets are read`(seed: UInt64) throws {
    var checker = ReaderChecker(Self.template, Self.rules)
    var maker = LineMaker(seed: seed)
    for _ in 0..<(TestSeeds.number("LOGS_TEST_LINES") ?? 4_000) {
      let line = maker.line()
      do { try checker.check(line) } catch {
        Issue.record("\(error): \(ByteString(line).text) \(TestSeeds.replay(seed, "ReaderFuzzTests"))")
        return
      }
    }
    let structuredCount = checker.structuredCount
    #expect(structuredCount > 0, TestSeeds.replay(seed, "ReaderFuzzTests"))
  }

  @Test(arguments: TestSeeds.first(4))
  func `no text in a flag crashes the reader of times or zones`(seed: UInt64) {
    var maker = LineMaker(seed: seed)
    for _ in 0..<(TestSeeds.number("LOGS_TEST_LINES") ?? 2_000) {
      let text = String(decoding: maker.scalar(), as: UTF8.self)
      for now in [Int64.min, 0, 1_768_046_400_000_000_000, .max] { _ = TimeText.parse(text, now: now) }
      _ = TimeZoneRule(text)
      _ = FieldTime.nanoseconds(.string(text), TimeRules(zone: .local, now: .max))
      _ = FieldTime.nanoseconds(.string(text), TimeRules(zone: .utc, now: .min))
    }
  }
}
