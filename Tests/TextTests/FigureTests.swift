import LogsText
import LogsWire
import Testing

/// Numbers for people.
@Suite struct FigureTests {
  @Test func `numbers are grouped, and spans have two units at most`() {
    #expect([0, 999, 1_000, 1_234_567].map { Figures.grouped($0) } == ["0", "999", "1,000", "1,234,567"])
    #expect(Figures.grouped(.max) == "18,446,744,073,709,551,615")
    let spans: [UInt64] = [0, 59, 60, 725, 3_600, 273_600, 86_405]
    #expect(spans.map { Figures.span(seconds: $0) } == ["0 s", "59 s", "1 min", "12 min 5 s", "1 h", "3 d 4 h", "1 d"])
    let short: [UInt64] = [0, 999, 1_000, 12_567, 999_999, 3_250_000, 61_000_000, .max]
    #expect(
      short.map { Figures.span(microseconds: $0) } == [
        "0 us", "999 us", "1 ms", "12.5 ms", "999.9 ms", "3.2 s", "1 min 1 s", "213503982 d 8 h",
      ])
  }
}
