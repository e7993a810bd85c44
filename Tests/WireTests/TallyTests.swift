import Testing

@testable import LogsWire

/// What queries count, and where they stop (`spec/limits.md`).
@Suite struct TallyTests {
  @Test(arguments: [(0, 0), (9, 0), (10, 10), (-1, -10), (-10, -10), (Int64.min + 3, Int64.min)] as [(Int64, Int64)])
  func `a span begins at a multiple of the width, before 1970 too`(_ time: Int64, _ start: Int64) {
    #expect(Tally.bucket(of: time, width: 10) == start)
  }

  @Test func `levels are counted apart, and entries without one`() {
    var tally = Tally(.histogram(width: 10))
    for severity in 0...24 as ClosedRange<UInt8> { tally.add(severity: severity, time: 5, width: 10) }
    #expect(tally.result(missingCount: 0).buckets == [HistogramBucket(start: 0, counts: [1, 4, 4, 4, 4, 4, 4])])
  }

  @Test func `a histogram has at most so many spans`() {
    var tally = Tally(.histogram(width: 1))
    for time in 0..<Int64(Limits.queryBucketCountMax) { tally.add(severity: 9, time: time, width: 1) }
    #expect(!tally.hasTooManyBuckets)
    tally.add(severity: 9, time: -1, width: 1)
    #expect(tally.hasTooManyBuckets)
  }

  @Test func `fields and values beyond the limits are left out, and the result says so`() {
    var tally = Tally(.fields(valueCountMax: 2))
    for number in 0..<Limits.queryFieldCountMax { tally.add(.attribute, "a\(number)", texts: ["x"]) }
    #expect(!tally.result(missingCount: 0).isCapped)
    tally.add(.attribute, "one more", texts: ["x"])
    var result = tally.result(missingCount: 0)
    #expect(result.isCapped && result.fields.count == Limits.queryFieldCountMax)

    tally = Tally(.fields(valueCountMax: 2))
    for number in 0...Limits.queryValueCountMax { tally.add(.attribute, "id", texts: ["\(number)"]) }
    tally.add(.attribute, "id", texts: ["7"])
    result = tally.result(missingCount: 3)
    #expect(result.isCapped && result.missingCount == 3 && result.fields[0].isCapped)
    #expect(result.fields[0].entryCount == UInt64(Limits.queryValueCountMax) + 2)
    #expect(result.fields[0].values.first == FieldValue(text: "7", count: 2) && result.fields[0].values.count == 2)
  }

  @Test func `parts add up to the whole`() {
    var (whole, first, second) = (
      Tally(.fields(valueCountMax: 9)), Tally(.fields(valueCountMax: 9)), Tally(.fields(valueCountMax: 9))
    )
    for number in 0..<30 {
      let texts = ["\(number % 4)", "b"]
      whole.add(count: 1)
      whole.add(.attribute, "n", texts: texts)
      if number % 3 == 0 {
        first.add(count: 1)
        first.add(.attribute, "n", texts: texts)
      } else {
        second.add(count: 1)
        second.add(.attribute, "n", texts: texts)
      }
    }
    first.merge(second)
    #expect(first.result(missingCount: 0) == whole.result(missingCount: 0))
  }
}
