/// How often each of many times was measured, to within 1/128 of it.
///
/// Buckets as wide as 1/128 of their values, whatever those are: 58 kB for any number of samples, so that a long run
/// takes no more memory than a short one and recording allocates nothing. Keeping every sample would be exact, and at a
/// million of them a second would measure the memory of the benchmark.
struct Histogram: Sendable {
  private static let precisionBitCount = 7
  /// Values below this have a bucket each.
  private static let exactCount = 1 << precisionBitCount
  private static let bucketCount = (UInt64.bitWidth - precisionBitCount + 1) << precisionBitCount

  private var buckets = [UInt64](repeating: 0, count: bucketCount)
  private(set) var count: UInt64 = 0
  private(set) var max: UInt64 = 0

  mutating func record(_ value: UInt64, count: UInt64 = 1) {
    buckets[Self.bucket(of: value)] += count
    self.count += count
    max = Swift.max(max, value)
  }

  /// The least value that so large a share of the samples does not exceed; 0 when there are none.
  ///
  /// Never below the true one, and at most 1/128 above it.
  func percentile(_ share: Double) -> UInt64 {
    guard count > 0 else { return 0 }
    let rank = Swift.min(Swift.max(UInt64((share * Double(count)).rounded(.up)), 1), count)
    var seen: UInt64 = 0
    for (bucket, samples) in buckets.enumerated() {
      seen += samples
      if seen >= rank { return Swift.min(Self.last(of: bucket), max) }
    }
    return max
  }

  /// The bits below the highest one, as many as are kept, behind the number of those that are not.
  private static func bucket(of value: UInt64) -> Int {
    guard value >= UInt64(exactCount) else { return Int(value) }
    let droppedBitCount = UInt64.bitWidth - 1 - precisionBitCount - value.leadingZeroBitCount
    return droppedBitCount << precisionBitCount + Int(value >> UInt64(droppedBitCount))
  }

  /// The largest value in a bucket.
  private static func last(of bucket: Int) -> UInt64 {
    guard bucket >= exactCount else { return UInt64(bucket) }
    let droppedBitCount = bucket >> precisionBitCount - 1
    let kept = UInt64(bucket - droppedBitCount << precisionBitCount)
    return kept << UInt64(droppedBitCount) | (1 << UInt64(droppedBitCount) - 1)
  }
}
