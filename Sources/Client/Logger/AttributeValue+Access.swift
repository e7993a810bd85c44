internal import LogsWire

extension AttributeValue {
  /// The text, if it is one.
  public var stringValue: String? { if case .string(let text) = self { text } else { nil } }

  /// The Boolean value, if it is one.
  public var boolValue: Bool? { if case .boolean(let flag) = self { flag } else { nil } }

  /// The integer, if it is one.
  public var intValue: Int? { if case .integer(let number) = self { Int(exactly: number) } else { nil } }

  /// The number: a double, or the double nearest to an integer.
  public var doubleValue: Double? {
    switch self {
    case .double(let number): number
    case .integer(let number): Double(number)
    case .empty, .string, .boolean, .list, .map, .bytes: nil
    }
  }

  /// The elements of a list.
  public var listValue: [AttributeValue]? { if case .list(let values) = self { values } else { nil } }

  /// The members of a map.
  public var mapValue: LogAttributes? { if case .map(let members) = self { LogAttributes(members) } else { nil } }
}

extension AttributeValue: ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral {
  public init(arrayLiteral elements: any LogAttributeConvertible...) {
    self = .list(elements.map(\.logAttributeValue))
  }

  public init(dictionaryLiteral elements: (String, any LogAttributeConvertible)...) {
    self = .map(LogAttributes(elements).attributes)
  }
}

extension LogEntry {
  /// An entry that has no number yet. Without a time, it gets the time at which it is handed to a producer.
  public init(
    message: ByteString, time: Int64 = 0, severity: LogSeverity = .unspecified, source: ByteString = ByteString(),
    attributes: LogAttributes, kind: Kind = .log
  ) {
    self.init(
      message: message, time: time, severity: severity, source: source, attributes: attributes.attributes, kind: kind)
  }

  /// The value of the first attribute with this key.
  public subscript(key: String) -> AttributeValue? { attributes.first { $0.key == key }?.value }

  /// `time` as the duration since 1970-01-01 UTC; nil if the entry has none.
  public var timeSince1970: Duration? {
    get { time == 0 ? nil : .nanoseconds(time) }
    set { time = newValue?.nanoseconds ?? 0 }
  }

  /// When the server accepted it, as the duration since 1970-01-01 UTC; nil before.
  public var receivedSince1970: Duration? { received == 0 ? nil : .nanoseconds(received) }
}

extension FollowStart {
  /// With the first entry of each stream at or after a time, counted from 1970-01-01 UTC.
  public static func since(_ time: Duration) -> FollowStart { .since(time.nanoseconds) }
}
