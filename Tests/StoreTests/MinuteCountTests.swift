import Testing

@testable import LogsStore

@Suite struct MinuteCountTests {
  @Test func `what came in the last minute counts, and nothing before`() {
    var minute = MinuteCount()
    func at(_ second: Int64) -> Int64 { second * 1_000_000_000 + 999_999_999 }
    #expect(minute.count(at: at(5)) == 0)
    for second in Int64(100)..<200 { minute.add(UInt64(second), at: at(second)) }
    minute.add(1, at: at(199))
    #expect(minute.count(at: at(199)) == (140..<200).reduce(1, +))
    #expect(minute.countOfLastSecond(at: at(199)) == 198)
    #expect(minute.countOfLastSecond(at: at(200)) == 200)
    #expect(minute.countOfLastSecond(at: at(201)) == 0)
    #expect(minute.countOfLastSecond(at: at(9_999)) == 0)
    #expect(MinuteCount().countOfLastSecond(at: 0) == 0)
    #expect(minute.count(at: at(210)) == (151..<200).reduce(1, +))
    #expect(minute.count(at: at(258)) == 200)
    #expect(minute.count(at: at(259)) == 0)
    #expect(minute.count(at: at(9_999)) == 0)
    // Two threads may note their times in the wrong order.
    minute.add(3, at: at(300))
    minute.add(4, at: at(299))
    #expect(minute.count(at: at(300)) == 7)
  }
}
