/// Numbers as people read them.
package enum Figures {
  /// `1,234,567`.
  package static func grouped(_ number: UInt64) -> String {
    let digits = String(number)
    var text = ""
    for (offset, digit) in digits.enumerated() {
      if offset > 0, (digits.count - offset) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return text
  }

  /// `1 entry`, `2 entries`.
  package static func count(_ number: some BinaryInteger, _ one: String, _ many: String) -> String {
    "\(number) \(number == 1 ? one : many)"
  }

  /// `1 entry`, `1,234 entries`.
  package static func groupedCount(_ number: Int, _ one: String, _ many: String) -> String {
    "\(grouped(UInt64(max(0, number)))) \(number == 1 ? one : many)"
  }

  /// The two largest units of a span: `3 d 4 h`, `12 min 5 s`, `0 s`.
  package static func span(seconds: UInt64) -> String {
    let parts = [
      (seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s"),
    ]
    guard let first = parts.firstIndex(where: { $0.0 > 0 }) else { return "0 s" }
    return parts[first...].prefix(2).filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: " ")
  }

  /// `850 us`, `12.5 ms`, `3.2 s`, or as `span` from a minute on.
  package static func span(microseconds: UInt64) -> String {
    switch microseconds {
    case ..<1_000: return "\(microseconds) us"
    case ..<1_000_000: return "\(tenths(microseconds, of: 1_000)) ms"
    case ..<60_000_000: return "\(tenths(microseconds, of: 1_000_000)) s"
    default: return span(seconds: microseconds / 1_000_000)
    }
  }

  private static func tenths(_ number: UInt64, of unit: UInt64) -> String {
    let tenths = number / (unit / 10)
    return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
  }
}
