internal import LogsWire

/// A type whose values can be values of attributes: `["order": id, "tags": ["a", "b"]]`.
///
/// Strings, Booleans, numbers and byte strings have their own kinds of value. Arrays become lists, dictionaries maps
/// sorted by key, and nil an empty value. An unsigned integer that is too large for `Int64` becomes a string of its
/// digits. Your own type conforms with one property:
///
/// ```swift
/// extension OrderID: LogAttributeConvertible {
///   public var logAttributeValue: AttributeValue { .string(text) }
/// }
/// ```
public protocol LogAttributeConvertible {
  var logAttributeValue: AttributeValue { get }
}

extension AttributeValue: LogAttributeConvertible {
  public var logAttributeValue: AttributeValue { self }
}

extension String: LogAttributeConvertible {
  public var logAttributeValue: AttributeValue { .string(self) }
}

extension Substring: LogAttributeConvertible {
  public var logAttributeValue: AttributeValue { .string(String(self)) }
}

extension Bool: LogAttributeConvertible {
  public var logAttributeValue: AttributeValue { .boolean(self) }
}

extension BinaryInteger {
  fileprivate var integerValue: AttributeValue { Int64(exactly: self).map { .integer($0) } ?? .string("\(self)") }
}

extension Int: LogAttributeConvertible { public var logAttributeValue: AttributeValue { integerValue } }
extension Int8: LogAttributeConvertible { public var logAttributeValue: AttributeValue { integerValue } }
extension Int16: LogAttributeConvertible { public var logAttributeValue: AttributeValue { integerValue } }
extension Int32: LogAttributeConvertible { public var logAttributeValue: AttributeValue { integerValue } }
extension Int64: LogAttributeConvertible { public var logAttributeValue: AttributeValue { integerValue } }
extension UInt: LogAttributeConvertible { public var logAttributeValue: AttributeValue { integerValue } }
extension UInt8: LogAttributeConvertible { public var logAttributeValue: AttributeValue { integerValue } }
extension UInt16: LogAttributeConvertible { public var logAttributeValue: AttributeValue { integerValue } }
extension UInt32: LogAttributeConvertible { public var logAttributeValue: AttributeValue { integerValue } }
extension UInt64: LogAttributeConvertible { public var logAttributeValue: AttributeValue { integerValue } }

extension Double: LogAttributeConvertible {
  public var logAttributeValue: AttributeValue { .double(self) }
}

extension Float: LogAttributeConvertible {
  public var logAttributeValue: AttributeValue { .double(Double(self)) }
}

extension ByteString: LogAttributeConvertible {
  public var logAttributeValue: AttributeValue { .bytes(self) }
}

extension StreamName: LogAttributeConvertible {
  public var logAttributeValue: AttributeValue { .string(text) }
}

extension LogAttributes: LogAttributeConvertible {
  public var logAttributeValue: AttributeValue { .map(attributes) }
}

extension Optional: LogAttributeConvertible where Wrapped: LogAttributeConvertible {
  public var logAttributeValue: AttributeValue { self?.logAttributeValue ?? .empty }
}

extension Array: LogAttributeConvertible where Element: LogAttributeConvertible {
  public var logAttributeValue: AttributeValue { .list(map(\.logAttributeValue)) }
}

extension Dictionary: LogAttributeConvertible where Key == String, Value: LogAttributeConvertible {
  public var logAttributeValue: AttributeValue {
    .map(sorted { $0.key < $1.key }.map { LogAttribute($0.key, $0.value.logAttributeValue) })
  }
}
