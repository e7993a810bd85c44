/// Time spans as people write them: `500ms`, `10s`, `5m`, `24h`, `14d`, `2w`, `1h30m`.
package enum TimeSpan {
  private static let units: [(suffix: String, milliseconds: Int64)] = [
    ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1),
  ]

  /// A time span that is not zero.
  package static func parse(_ text: String) -> Duration? {
    guard let milliseconds = milliseconds(text), milliseconds > 0 else { return nil }
    return .milliseconds(milliseconds)
  }

  /// One or several numbers with their units, the largest unit first, each at most once.
  static func milliseconds(_ text: String) -> Int64? {
    var rest = text[...]
    var sum: Int64 = 0
    var left = units[...]
    repeat {
      let digits = rest.utf8.prefix { $0.isDigit }
      rest = rest.dropFirst(digits.count)
      let suffix = rest.utf8.prefix { $0.isLetter }
      guard let number = Int64(Substring(digits)),
        let index = left.firstIndex(where: { $0.suffix == Substring(suffix) })
      else { return nil }
      rest = rest.dropFirst(suffix.count)
      let (product, isTooLarge) = number.multipliedReportingOverflow(by: left[index].milliseconds)
      let (total, isTooMuch) = sum.addingReportingOverflow(product)
      if isTooLarge || isTooMuch { return nil }
      sum = total
      left = left[(index + 1)...]
    } while !rest.isEmpty
    return sum
  }

  package static func format(_ duration: Duration) -> String {
    let milliseconds = duration.components.seconds * 1_000 + duration.components.attoseconds / 1_000_000_000_000_000
    // In days rather than weeks, as settings mostly have it.
    for unit in units.dropFirst() where milliseconds % unit.milliseconds == 0 && milliseconds > 0 {
      return "\(milliseconds / unit.milliseconds)\(unit.suffix)"
    }
    return "\(milliseconds)ms"
  }
}
