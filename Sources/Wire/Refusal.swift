/// The codes of ERROR (`spec/errors.md`). For a code that a client does not know, only the `retryable` flag counts.
public struct RefusalCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  public let rawValue: UInt16
  public init(rawValue: UInt16) { self.rawValue = rawValue }
  private init(_ rawValue: UInt16) { self.rawValue = rawValue }

  // The connection
  public static let protocolViolation = RefusalCode(1)
  public static let unsupportedVersion = RefusalCode(2)
  public static let unsupported = RefusalCode(3)
  public static let frameTooLarge = RefusalCode(4)
  public static let unauthorized = RefusalCode(5)
  public static let forbidden = RefusalCode(6)
  public static let timedOut = RefusalCode(7)
  public static let goingAway = RefusalCode(8)
  public static let tooManyConnections = RefusalCode(9)
  public static let internalError = RefusalCode(10)
  public static let badRequest = RefusalCode(11)
  public static let overloaded = RefusalCode(12)

  // Appending
  public static let badBatch = RefusalCode(20)
  public static let outOfOrder = RefusalCode(21)
  public static let producerConflict = RefusalCode(22)
  public static let streamSealed = RefusalCode(23)
  public static let tooManyStreams = RefusalCode(24)
  public static let diskFull = RefusalCode(25)
  public static let storageFailed = RefusalCode(26)

  // Following
  public static let streamReplaced = RefusalCode(40)
  public static let cursorAhead = RefusalCode(41)
  public static let tooManySubscriptions = RefusalCode(42)
  public static let filterTooCostly = RefusalCode(43)

  // Deleting
  public static let unknownStream = RefusalCode(44)

  /// The name that spec, messages and metrics use.
  public var description: String { Self.names[rawValue] ?? "code_\(rawValue)" }

  private static let names: [UInt16: String] = [
    1: "protocol_violation", 2: "unsupported_version", 3: "unsupported", 4: "frame_too_large", 5: "unauthorized",
    6: "forbidden", 7: "timed_out", 8: "going_away", 9: "too_many_connections", 10: "internal_error",
    11: "bad_request", 12: "overloaded", 20: "bad_batch", 21: "out_of_order", 22: "producer_conflict",
    23: "stream_sealed", 24: "too_many_streams", 25: "disk_full", 26: "storage_failed", 40: "stream_replaced",
    41: "cursor_ahead", 42: "too_many_subscriptions", 43: "filter_too_costly", 44: "unknown_stream",
  ]
}

/// What an ERROR frame says: what was refused, why, and what to do.
public struct Refusal: Error, Hashable, Sendable, CustomStringConvertible {
  public var code: RefusalCode
  /// Whether the same request may succeed later.
  public var isRetryable: Bool
  /// Whether the request may have taken effect nevertheless.
  public var mayHaveTakenEffect: Bool
  /// How long to wait before a retry, in milliseconds; 0 leaves it to the client.
  public var retryAfterMilliseconds: UInt32
  /// What failed, why, and what to do, in one line.
  public var text: String
  /// `out_of_order`: the batch number that the server expects next.
  public var expected: UInt64?
  /// The limit that was hit, as `spec/limits.md` names it, and its value.
  public var limit: Limit?
  /// `stream_replaced` and `cursor_ahead`: the stream, its incarnation and head now.
  public var stream: StreamPosition?

  public struct Limit: Hashable, Sendable {
    public var name: String
    public var value: UInt64
    package init(_ name: String, _ value: UInt64) { (self.name, self.value) = (name, value) }
  }

  public struct StreamPosition: Hashable, Sendable {
    public var name: String
    public var incarnation: Incarnation
    public var head: UInt64
    package init(name: String, incarnation: Incarnation, head: UInt64) {
      (self.name, self.incarnation, self.head) = (name, incarnation, head)
    }
  }

  package init(
    _ code: RefusalCode, _ text: String, isRetryable: Bool = false, mayHaveTakenEffect: Bool = false,
    retryAfterMilliseconds: UInt32 = 0, expected: UInt64? = nil, limit: Limit? = nil, stream: StreamPosition? = nil
  ) {
    self.code = code
    self.isRetryable = isRetryable
    self.mayHaveTakenEffect = mayHaveTakenEffect
    self.retryAfterMilliseconds = retryAfterMilliseconds
    self.text = text
    self.expected = expected
    self.limit = limit
    self.stream = stream
  }

  public var description: String { "\(text) (\(code))" }
}
