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

  public var description: String { "\(reason) (at byte \(offset))" }
}
