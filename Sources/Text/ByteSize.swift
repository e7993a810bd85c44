internal import LogsWire

/// Sizes in bytes as people write them: `256M`, `256MB` or `256MiB`, powers of 1,024.
package enum ByteSize {
  private static let units: [(suffix: Character, shift: Int)] = [("K", 10), ("M", 20), ("G", 30), ("T", 40)]

  package static func parse(_ text: String) -> Int? {
    var text = text
    for suffix in ["IB", "B"] where text.uppercased().hasSuffix(suffix) {
      text.removeLast(suffix.utf8.count)
      // `5B` has no unit to go with it.
      if text.last?.isNumber ?? true { return nil }
    }
    guard let last = text.last else { return nil }
    guard let unit = units.first(where: { $0.suffix == Character(last.uppercased()) }) else {
      return Int(text).flatMap { $0 >= 0 ? $0 : nil }
    }
    guard let number = Int(text.dropLast()), number >= 0 else { return nil }
    let (product, isTooLarge) = number.multipliedReportingOverflow(by: 1 << unit.shift)
    return isTooLarge ? nil : product
  }

  /// A size for people, in the largest unit that it has at least one of: `1.2 MiB`.
  package static func rounded(_ count: UInt64) -> String {
    guard let unit = units.last(where: { count >> UInt64($0.shift) > 0 }) else {
      return Figures.count(count, "byte", "bytes")
    }
    let tenths = UInt64((Double(count) / Double(UInt64(1) << UInt64(unit.shift)) * 10).rounded())
    return "\(tenths / 10).\(tenths % 10) \(unit.suffix)iB"
  }

  package static func format(_ count: Int) -> String {
    for unit in units.reversed() where count > 0 && count % (1 << unit.shift) == 0 {
      return "\(count >> unit.shift)\(unit.suffix)"
    }
    return String(count)
  }
}
