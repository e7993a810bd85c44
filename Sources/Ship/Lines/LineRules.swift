package import LogsWire

/// What is left out of lines before anything else sees them: before their format is read, and before they are on a
/// disk.
package struct LineRules: Sendable {
  /// Lines in which one of these matches are dropped.
  package var drops: [LineExpression] = []
  /// What is replaced in lines, in this order.
  package var masks: [LineMask] = []
  /// Shared by all copies of the rules.
  private let matcher = LineMatcher()

  package init(drops: [LineExpression] = [], masks: [LineMask] = []) {
    self.drops = drops
    self.masks = masks
  }

  package var isEmpty: Bool { drops.isEmpty && masks.isEmpty }

  enum Outcome: Equatable {
    case unchanged
    case masked(ByteString)
    case dropped
    /// A mask could not be decided: nothing of the line may be kept.
    case withheld
  }

  /// A line about which no expression can decide within its limits is not dropped, and is withheld if it is a mask's.
  func apply(to line: ByteString) -> Outcome {
    for drop in drops where drop.matches(line.span, matcher) == .yes { return .dropped }
    return masks(in: line)
  }

  /// A value beside the line, with the same replaced in it.
  func masked(_ value: ByteString) -> ByteString {
    guard !masks.isEmpty else { return value }
    return switch masks(in: value) {
    case .unchanged, .dropped: value
    case .masked(let bytes): bytes
    case .withheld: "withheld"
    }
  }

  private func masks(in line: ByteString) -> Outcome {
    var masked: ByteString? = nil
    for mask in masks {
      let bytes = masked ?? line
      switch mask.mask(bytes.span, matcher) {
      case .unchanged: break
      case .masked(let other): masked = other
      case .undecided: return .withheld
      }
    }
    return masked.map { .masked($0) } ?? .unchanged
  }

  func starts(_ expression: LineExpression, _ line: ByteString) -> Bool {
    expression.matches(line.span, matcher) == .yes
  }
}

/// Which lines become one entry together.
package enum LineGrouping: Hashable, Sendable {
  /// None: each line is an entry.
  case none
  /// Those of a stack trace, as languages write them.
  case traces
  /// A line in which this matches, and all lines up to the next such line.
  case start(LineExpression)
}
