internal import LogsText
internal import LogsWire

/// The range of times whose texts conditions leave.
///
/// The texts have the order of their times, byte by byte, so the first one that is not below some other text can be
/// searched for, whatever that text is.
struct TimeTextBounds {
  private var clock = ClockText(.utc)
  private var text: [UInt8] = []

  /// The first time for which `isBehind` holds, which then holds for all later ones; nil if there is none.
  private mutating func first(_ isBehind: ([UInt8]) -> Bool) -> Int64? {
    var (low, high) = (Int64.min, Int64.max)
    guard isBehind(text(of: high)) else { return nil }
    while low < high {
      let middle = low + Int64(bitPattern: UInt64(bitPattern: high &- low) / 2)
      if isBehind(text(of: middle)) { high = middle } else { low = middle + 1 }
    }
    return low
  }

  private mutating func text(of time: Int64) -> [UInt8] {
    text.removeAll(keepingCapacity: true)
    clock.appendSQL(time, to: &text)
    return text
  }

  /// Leaves the times that a condition on their texts leaves, or more.
  mutating func keep(_ operation: TableCondition.Operation, _ value: SQLValue, in bounds: inout NumberBounds) {
    switch value {
    case .null: bounds.keepNothing()
    case .text(let text):
      let bytes = text.array
      switch operation {
      case .equal:
        keepAtLeast(bytes, in: &bounds)
        keepAtMost(bytes, in: &bounds)
      case .above: keepBehind(first { bytes.lexicographicallyPrecedes($0) }, in: &bounds)
      case .atLeast: keepAtLeast(bytes, in: &bounds)
      case .below: keepBefore(first { !$0.lexicographicallyPrecedes(bytes) }, in: &bounds)
      case .atMost: keepAtMost(bytes, in: &bounds)
      case .glob, .like:
        let prefix = bytes.prefix { byte in
          (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "-: .".utf8.contains(byte)
        }
        keepAtLeast(Array(prefix), in: &bounds)
        keepAtMost(Array(prefix) + [.max], in: &bounds)
      case .match: break
      }
    case .integer, .real, .blob: break
    }
  }

  private mutating func keepAtLeast(_ bytes: [UInt8], in bounds: inout NumberBounds) {
    keepBehind(first { !$0.lexicographicallyPrecedes(bytes) }, in: &bounds)
  }

  private mutating func keepAtMost(_ bytes: [UInt8], in bounds: inout NumberBounds) {
    keepBefore(first { bytes.lexicographicallyPrecedes($0) }, in: &bounds)
  }

  private func keepBehind(_ first: Int64?, in bounds: inout NumberBounds) {
    if let first { bounds.keep(from: first) } else { bounds.keepNothing() }
  }

  /// - Parameter end: the first time that is not kept; nil if all are.
  private func keepBefore(_ end: Int64?, in bounds: inout NumberBounds) {
    guard let end else { return }
    if end == .min { bounds.keepNothing() } else { bounds.keep(through: end - 1) }
  }
}
