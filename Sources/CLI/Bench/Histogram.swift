/// Counts durations, each to within 1/128 of its value.
///
/// The width of a bucket is 1/128 of its values: 58 kB hold any number of samples, a long run takes no more memory than
/// a short one, and recording allocates nothing. Keeping every sample would be exact, but at a million a second it
/// would measure the memory of the benchmark.
struct Histogram: Sendable {
  private static let precisionBitCount = 7
  /// Each value below this has a bucket of its own.
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

  /// The lowest value that this share of the samples does not exceed; 0 if there are no samples.
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

  /// The bits that are kept below the highest one, prefixed with the number of those that are dropped.
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
