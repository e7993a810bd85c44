public import Foundation
public import LogsClient

extension Date {
  /// A moment given in nanoseconds since 1970-01-01 UTC, as entries have it, to the microsecond or so that a date of
  /// today can hold.
  public init(nanosecondsSince1970 time: Int64) {
    let (seconds, nanoseconds) = time.quotientAndRemainder(dividingBy: 1_000_000_000)
    self.init(timeIntervalSince1970: Double(seconds) + Double(nanoseconds) / 1e9)
  }

  /// Nanoseconds since 1970-01-01 UTC; the nearest that an entry can have.
  public var nanosecondsSince1970: Int64 {
    let seconds = timeIntervalSince1970.rounded(.down)
    guard let whole = Int64(exactly: seconds), abs(whole) < Int64.max / 1_000_000_000 else {
      return seconds < 0 ? .min : .max
    }
    return whole * 1_000_000_000 + Int64((timeIntervalSince1970 - seconds) * 1e9)
  }
}

extension LogEntry {
  /// `time` as a date; nil when the entry has none.
  public var date: Date? {
    get { time == 0 ? nil : Date(nanosecondsSince1970: time) }
    set { time = newValue?.nanosecondsSince1970 ?? 0 }
  }

  /// When the server took it; nil until then.
  public var receivedDate: Date? { received == 0 ? nil : Date(nanosecondsSince1970: received) }
}

extension StreamSummary {
  /// When its last entry was taken; nil when there is none.
  public var lastReceivedDate: Date? { lastReceived == 0 ? nil : Date(nanosecondsSince1970: lastReceived) }
}

extension FollowStart {
  /// With the first entry of each stream at or after a date.
  public static func since(_ date: Date) -> FollowStart { .since(date.nanosecondsSince1970) }
}

extension FollowEnd {
  /// Before the first entry of each stream later than a date. In reverse: begins with the last that is no later.
  public static func at(_ date: Date) -> FollowEnd { FollowEnd(time: date.nanosecondsSince1970) }
}
