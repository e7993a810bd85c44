/// Why a text is no filter.
public struct FilterError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Where, counted in characters from 1.
  public let column: Int
  /// What was expected there, and what to write.
  public let reason: String

  package init(column: Int, _ reason: String) {
    self.column = column
    self.reason = reason
  }

  public var description: String { "filter, column \(column): \(reason)" }
}
