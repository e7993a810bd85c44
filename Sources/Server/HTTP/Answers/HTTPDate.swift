internal import LogsText

/// The `Date` of a shard's answers, written at most once a second.
struct HTTPDate {
  private var second = Int64.min
  private var text = ""

  /// - Parameter time: ns since 1970.
  static func text(at time: Int64) -> String { Timestamp.http(second: time / 1_000_000_000) }

  /// - Parameter now: ns since 1970.
  mutating func text(now: Int64) -> String {
    let current = now / 1_000_000_000
    if current != second {
      second = current
      text = Timestamp.http(second: current)
    }
    return text
  }
}
