/// Bytes that do not follow the specification: what is wrong and where.
package struct WireDecodingError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong, as text for people.
  package let reason: String
  /// Where, in bytes from the start of what was being decoded.
  package let offset: Int
  /// Whether a later version may allow it: an unknown format, codec or flag. A retry brings the same bytes.
  package let isUnsupported: Bool

  package init(_ reason: String, at offset: Int, isUnsupported: Bool = false) {
    self.reason = reason
    self.offset = offset
    self.isUnsupported = isUnsupported
  }

  /// The same error, its offset counted from `distance` bytes earlier.
  package func moved(by distance: Int) -> WireDecodingError {
    WireDecodingError(reason, at: offset + distance, isUnsupported: isUnsupported)
  }

  public var description: String { "\(reason) (at byte \(offset))" }
}
