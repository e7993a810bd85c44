/// A line in which a test's producer reports an action, before or after it. So a test that kills it knows which entries
/// must have been stored, which may have been, and where.
package enum FaultReport: Hashable, Sendable {
  /// These entries are handed over next.
  case handing(ClosedRange<Int>)
  /// They are accepted, and must be stored once, whatever happens.
  case accepted(ClosedRange<Int>)
  /// They are stored under these sequence numbers.
  case acknowledged(ClosedRange<Int>, under: [ClosedRange<UInt64>])
  /// All of these are stored, including those passed to `log`.
  case flushed(ClosedRange<Int>)
  /// A call failed, or a flush took too long.
  case failed(String)

  package var line: String {
    switch self {
    case .handing(let numbers): "handing \(Self.text(numbers))"
    case .accepted(let numbers): "accepted \(Self.text(numbers))"
    case .acknowledged(let numbers, let sequences):
      "acknowledged \(Self.text(numbers)) \(sequences.map(Self.text).joined(separator: ","))"
    case .flushed(let numbers): "flushed \(Self.text(numbers))"
    case .failed(let text): "failed \(text)"
    }
  }

  package init?(line: String) {
    let words = line.split(separator: " ", maxSplits: 1)
    guard words.count == 2 else { return nil }
    if words[0] == "failed" {
      self = .failed(String(words[1]))
      return
    }
    let ranges = words[1].split(separator: " ")
    guard let numbers = ranges.first.flatMap({ Self.range($0, of: Int.self) }) else { return nil }
    switch words[0] {
    case "handing": self = .handing(numbers)
    case "accepted": self = .accepted(numbers)
    case "flushed": self = .flushed(numbers)
    case "acknowledged":
      let sequences = ranges.dropFirst().first?.split(separator: ",").map { Self.range($0, of: UInt64.self) } ?? []
      guard !sequences.isEmpty, !sequences.contains(nil) else { return nil }
      self = .acknowledged(numbers, under: sequences.compactMap { $0 })
    default: return nil
    }
  }

  private static func text(_ range: ClosedRange<some FixedWidthInteger>) -> String {
    "\(range.lowerBound)...\(range.upperBound)"
  }

  private static func range<Number: FixedWidthInteger>(_ text: Substring, of type: Number.Type) -> ClosedRange<Number>?
  {
    let bounds = text.split(separator: ".").map { Number($0) }
    guard bounds.count == 2, let first = bounds[0], let last = bounds[1], first <= last else { return nil }
    return first...last
  }
}
