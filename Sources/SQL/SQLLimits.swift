/// What a query may take (`spec/limits.md`, section 6).
package struct SQLLimits: Sendable {
  /// Rows of the result.
  package var rowCountMax = 100_000
  package var durationMax: Duration = .seconds(30)
  /// Memory of SQLite, and of a table that is laid out.
  package var memoryByteCountMax = 256 << 20

  /// Minutes and severities of one stream that `counts` has at once.
  static let countGroupCountMax = 1_000_000
  /// The text of a query.
  static let textByteCountMax: Int32 = 64 << 10
  /// A value that a query makes.
  static let valueByteCountMax: Int32 = 16 << 20
  static let columnCountMax: Int32 = 200
  static let expressionDepthMax: Int32 = 100
  static let compoundCountMax: Int32 = 50
  static let instructionCountMax: Int32 = 50_000
  static let patternByteCountMax: Int32 = 1_000
  static let argumentCountMax: Int32 = 100

  package init() {}
}
