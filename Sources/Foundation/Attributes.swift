public import Foundation
public import LogsClient

extension UUID: LogAttributeConvertible {
  public var logAttributeValue: AttributeValue { .string(uuidString) }
}

extension URL: LogAttributeConvertible {
  public var logAttributeValue: AttributeValue { .string(absoluteString) }
}

extension Date: LogAttributeConvertible {
  /// In the form of RFC 3339, with milliseconds.
  public var logAttributeValue: AttributeValue {
    .string(formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
  }
}

extension Data: LogAttributeConvertible {
  public var logAttributeValue: AttributeValue { .bytes(ByteString([UInt8](self))) }
}
