internal import LogsClient
internal import LogsSystem
internal import LogsText

/// Sums the parts of days to days of a zone, which have 23 or 25 hours where clocks are changed.
///
/// The server knows no zones: it counts in spans that begin at multiples of their width since 1970 in UTC.
struct LocalDays {
  /// The span to ask the server for.
  let part: Duration
  private let zone: ShownZone
  private let dayCount: Int64

  private static let day: Int64 = 86_400
  private static let hour: Int64 = 3_600
  private static let quarter: Int64 = 900

  /// nil unless the width is of whole days and days of the zone begin elsewhere than those of UTC.
  init?(_ width: Duration, _ zone: ShownZone) {
    let (seconds, attoseconds) = width.components
    guard attoseconds == 0, seconds >= Self.day, seconds % Self.day == 0 else { return nil }
    let now = SystemClock.wall() / 1_000_000_000
    // In summer and in winter.
    let offsets = [now, now - 182 * Self.day].map { Int64(zone.offset(at: $0)) }
    if offsets == [0, 0] { return nil }
    self.zone = zone
    dayCount = seconds / Self.day
    part = .seconds(offsets.allSatisfy { $0 % Self.hour == 0 } ? Self.hour : Self.quarter)
  }

  /// - Parameter parts: ascending.
  func summed(_ parts: [HistogramBucket]) -> [HistogramBucket] {
    var days: [HistogramBucket] = []
    for part in parts {
      let start = self.start(of: part.start)
      guard let last = days.last, last.start == start else {
        var day = part
        day.start = start
        days.append(day)
        continue
      }
      days[days.count - 1].counts = zip(last.counts, part.counts).map(+)
    }
    return days
  }

  /// When the days begin that hold a time; both in nanoseconds since 1970.
  private func start(of time: Int64) -> Int64 {
    let second = Self.floor(time, 1_000_000_000)
    let day = Self.floor(second + Int64(zone.offset(at: second)), Self.day)
    let midnight = Self.floor(day, dayCount) * dayCount * Self.day
    // As if the offset had been the same at midnight, and then with the one that it was.
    let guess = midnight - Int64(zone.offset(at: second))
    return (midnight - Int64(zone.offset(at: guess))) * 1_000_000_000
  }

  private static func floor(_ value: Int64, _ divisor: Int64) -> Int64 {
    value / divisor - (value % divisor < 0 ? 1 : 0)
  }
}
