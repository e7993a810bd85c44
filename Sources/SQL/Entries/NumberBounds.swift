/// The range of whole numbers that conditions leave.
struct NumberBounds: Hashable {
  /// Nil if there is no such number.
  private(set) var range: ClosedRange<Int64>? = .min ... .max

  mutating func keep(from lower: Int64) {
    guard let range else { return }
    self.range = lower <= range.upperBound ? max(lower, range.lowerBound)...range.upperBound : nil
  }

  mutating func keep(through upper: Int64) {
    guard let range else { return }
    self.range = upper >= range.lowerBound ? range.lowerBound...min(upper, range.upperBound) : nil
  }

  mutating func keepNothing() { range = nil }

  /// Leaves what a condition on a column of integers leaves, or more.
  mutating func keep(_ operation: TableCondition.Operation, _ value: SQLValue) {
    switch value {
    case .null: keepNothing()
    case .integer(let integer): keep(operation, integer, integer)
    case .real(let real):
      // What lies next to it; a NaN is NULL to SQLite.
      let (below, above) = (Int64(clamping: real.rounded(.down)), Int64(clamping: real.rounded(.up)))
      keep(operation, below, above)
    case .text, .blob: break
    }
  }

  /// - Parameters:
  ///   - below: the highest number that is not above the value.
  ///   - above: the lowest number that is not below it.
  private mutating func keep(_ operation: TableCondition.Operation, _ below: Int64, _ above: Int64) {
    switch operation {
    case .equal:
      keep(from: above)
      keep(through: below)
    case .above: if below == .max { keepNothing() } else { keep(from: below + 1) }
    case .atLeast: keep(from: above)
    case .below: if above == .min { keepNothing() } else { keep(through: above - 1) }
    case .atMost: keep(through: below)
    case .glob, .like, .match: break
    }
  }
}

extension Int64 {
  /// The nearest one.
  fileprivate init(clamping real: Double) {
    self = Int64(exactly: real) ?? (real < 0 ? .min : .max)
  }
}
