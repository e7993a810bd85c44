internal import LogsWire

/// Lets a note that repeats itself through at most once a minute.
struct RepeatedNotes {
  private var said: [String: MonotonicTime] = [:]

  private static let nanoseconds: UInt64 = 60_000_000_000
  private static let countMax = 100

  mutating func isDue(_ text: String, _ now: MonotonicTime) -> Bool {
    if let time = said[text], now.nanoseconds(since: time) < Self.nanoseconds { return false }
    if said.count >= Self.countMax { said = [:] }
    said[text] = now
    return true
  }
}
