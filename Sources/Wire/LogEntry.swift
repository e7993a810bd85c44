/// One log event.
public struct LogEntry: Hashable, Sendable {
  /// What an entry stands for.
  public enum Kind: UInt8, Hashable, Sendable, CustomStringConvertible {
    case log = 0
    /// A state of the source, like a container's start or stop.
    case status = 1
    /// The last entry: the stream is sealed.
    case complete = 2

    public var description: String {
      switch self {
      case .log: "log"
      case .status: "status"
      case .complete: "complete"
      }
    }
  }

  /// The position in the stream, from 1; 0 until the server has numbered it.
  public var sequence: UInt64
  /// Nanoseconds since 1970-01-01 UTC; 0 if the entry came without a time.
  public var time: Int64
  /// When the server accepted it, in nanoseconds since 1970-01-01 UTC; 0 until then.
  public var received: Int64
  public var severity: LogSeverity
  /// Who wrote it, in at most 255 bytes; empty if unknown.
  public var source: ByteString
  /// At most 1 MiB, meant as UTF-8.
  public var message: ByteString
  public var attributes: [LogAttribute]
  public var kind: Kind

  public init(
    message: ByteString, time: Int64 = 0, severity: LogSeverity = .unspecified, source: ByteString = ByteString(),
    attributes: [LogAttribute] = [], kind: Kind = .log
  ) {
    self.init(
      sequence: 0, time: time, received: 0, severity: severity, source: source, message: message,
      attributes: attributes, kind: kind)
  }

  /// An entry as a reader receives it.
  init(
    sequence: UInt64, time: Int64, received: Int64, severity: LogSeverity, source: ByteString, message: ByteString,
    attributes: [LogAttribute], kind: Kind
  ) {
    self.sequence = sequence
    self.time = time
    self.received = received
    self.severity = severity
    self.source = source
    self.message = message
    self.attributes = attributes
    self.kind = kind
  }

  /// The entry's own time, or the received time if it has none.
  public var effectiveTime: Int64 { time == 0 ? received : time }

  /// The message as text; bytes that are not UTF-8 become U+FFFD.
  public var text: String { message.text }
}

/// A named value that belongs to an entry or to a map.
public struct LogAttribute: Hashable, Sendable {
  public var key: String
  public var value: AttributeValue

  public init(_ key: String, _ value: AttributeValue) {
    self.key = key
    self.value = value
  }
}

/// A typed value, as OpenTelemetry's AnyValue.
public enum AttributeValue: Hashable, Sendable {
  case empty
  case string(String)
  case boolean(Bool)
  case integer(Int64)
  case double(Double)
  indirect case list([AttributeValue])
  indirect case map([LogAttribute])
  case bytes(ByteString)
}

extension AttributeValue: ExpressibleByStringInterpolation, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(booleanLiteral value: Bool) { self = .boolean(value) }
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .double(value) }
}
