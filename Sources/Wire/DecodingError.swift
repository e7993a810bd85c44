/// Bytes that do not follow the specification: what is wrong and where.
public struct DecodingError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong, for people.
  public let reason: String
  /// Where, in bytes from the start of what was being decoded.
  public let offset: Int

  package init(_ reason: String, at offset: Int) {
    self.reason = reason
    self.offset = offset
  }

  /// The same error, its offset counted from `distance` bytes earlier.
  package func moved(by distance: Int) -> DecodingError { DecodingError(reason, at: offset + distance) }

  public var description: String { "\(reason) (at byte \(offset))" }
}
