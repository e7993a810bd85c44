import Testing

@testable import LogsStore

@Suite struct TimeHistogramTests {
  @Test func `each time counts in the first step that holds it`() {
    var times = TimeHistogram()
    for time in [0, 100_000, 100_001, 2_500_000_000, 2_500_000_001] as [Int64] { times.add(time) }
    #expect(times.counts.count == TimeHistogram.bounds.count + 1)
    #expect(times.counts[0] == 2 && times.counts[1] == 1 && times.counts[13] == 1 && times.counts[14] == 1)
    #expect(times.counts.reduce(0, +) == 5)
    #expect(times.sum == 5_000_200_002)
    #expect(TimeHistogram.bounds == TimeHistogram.bounds.sorted())
  }
}
