internal import LogsWire

/// How fast a store grows: over the last day, or since the start.
struct GrowthRate: Sendable {
  /// Times of a clock that cannot be set, and how much had been added since the start by then; the newest last.
  private var samples: [(elapsed: Int64, byteCount: Int)] = []

  /// Samples are this far apart, and cover a day.
  private static let interval = Duration.seconds(600)
  private static let countMax = 144
  /// A shorter time says little.
  private static let timeMin = Duration.seconds(60)

  /// Takes note of how much has been added since the start.
  mutating func note(_ byteCount: Int, elapsed: Int64) {
    // The last one moves along until it is far enough from the one before.
    if samples.count > 1, elapsed - samples[samples.count - 2].elapsed < Self.interval.nanoseconds {
      samples[samples.count - 1] = (elapsed, byteCount)
      return
    }
    samples.append((elapsed, byteCount))
    if samples.count > Self.countMax { samples.removeFirst() }
  }

  /// Bytes a day; nil until it is known.
  var bytesPerDay: Double? {
    guard let first = samples.first, let last = samples.last else { return nil }
    let time = last.elapsed - first.elapsed
    guard time >= Self.timeMin.nanoseconds else { return nil }
    // Rows that are packed take less than was awaited of them.
    return Double(max(0, last.byteCount - first.byteCount)) / Double(time) * 86_400e9
  }

  /// How many days `byteCount` lasts; nil if that is not known, or for more than a thousand years.
  func days(for byteCount: Int) -> Int? {
    guard let bytesPerDay, bytesPerDay > 0 else { return nil }
    let days = Double(max(byteCount, 0)) / bytesPerDay
    return days < 365_000 ? Int(days) : nil
  }
}
