/// Why a filter could not be evaluated.
package enum FilterFailure: Error, Hashable, Sendable {
  /// A batch breaks a rule of its format.
  case damaged(WireDecodingError)
  /// A regular expression took more than its limits allow.
  case tooCostly(String)
  /// It did so on the entry of this number, which was to be counted.
  case undecided(UInt64, String)
  /// Nobody waits for the answer any more.
  case cancelled

  /// Makes damage of what `body` finds wrong.
  package static func wrapping<Value>(_ body: () throws(WireDecodingError) -> Value) throws(FilterFailure) -> Value {
    do { return try body() } catch { throw .damaged(error) }
  }
}
