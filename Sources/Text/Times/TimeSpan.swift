/// Time spans as people write them: `500ms`, `10s`, `5m`, `24h`, `14d`.
package enum TimeSpan {
  private static let units: [(suffix: String, milliseconds: Int64)] = [
    ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1),
  ]

  /// A time span that is not zero.
  package static func parse(_ text: String) -> Duration? {
    guard let milliseconds = milliseconds(text), milliseconds > 0 else { return nil }
    return .milliseconds(milliseconds)
  }

  static func milliseconds(_ text: String) -> Int64? {
    let digits = text.utf8.prefix { $0.isDigit }
    guard let number = Int64(Substring(digits)),
      let unit = units.first(where: { $0.suffix == text.dropFirst(digits.count) })
    else { return nil }
    let (product, isTooLarge) = number.multipliedReportingOverflow(by: unit.milliseconds)
    return isTooLarge ? nil : product
  }

  package static func format(_ duration: Duration) -> String {
    let milliseconds = duration.components.seconds * 1_000 + duration.components.attoseconds / 1_000_000_000_000_000
    for unit in units where milliseconds % unit.milliseconds == 0 && milliseconds > 0 {
      return "\(milliseconds / unit.milliseconds)\(unit.suffix)"
    }
    return "\(milliseconds)ms"
  }
}
