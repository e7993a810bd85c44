/// Why something could not be done: what failed, why, what to do, and whether a retry may help.
public struct LogError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Code: Hashable, Sendable {
    /// The server refused it; its own code says why.
    case refused(RefusalCode)
    /// A server's URL or another setting is wrong.
    case invalidConfiguration
    /// The request breaks a rule that can be checked without a server.
    case invalidRequest
    /// An entry that no batch can hold.
    case invalidEntry
    /// No connection could be made.
    case unreachable
    /// The connection broke.
    case connectionLost
    /// The peer broke the protocol, or bytes were damaged in transit.
    case protocolViolation
    /// No connection within `LogClientConfiguration.reconnectDeadline`.
    case gaveUp
    /// The application has suspended the client; this is why a subscription waits.
    case suspended
    /// The client was shut down.
    case closed
    /// The waiting task was cancelled.
    case cancelled
    /// The name of a stream, or a pattern, breaks the rules.
    case invalidName
    /// The text of a cursor is malformed.
    case invalidCursor
    /// A file could not be read or written.
    case fileFailed
    /// A batch was received whole but cannot be decoded.
    case damaged
    /// Stored entries are gone: trimmed, deleted or lost.
    case dataMissing
    /// A producer's queue was full, and the entries were dropped.
    case queueFull
    /// The spool could not be read or written.
    case spoolFailed
    /// Another process uses the spool.
    case spoolInUse
  }

  public var code: Code
  /// What failed, why, and what to do, in one line.
  public var message: String
  /// Whether the same call may succeed later, unchanged.
  public var isRetryable: Bool
  /// Whether the request may have taken effect nevertheless.
  public var mayHaveTakenEffect: Bool
  /// How long to wait before trying again; nil leaves it to the caller.
  public var retryAfter: Duration?
  /// What the server said, if the error came from it.
  public var refusal: Refusal?
  /// The underlying error, in the words of the system or the library.
  public var cause: String?

  package init(
    _ code: Code, _ message: String, isRetryable: Bool = false, mayHaveTakenEffect: Bool = false,
    retryAfter: Duration? = nil, refusal: Refusal? = nil, cause: String? = nil
  ) {
    self.code = code
    self.message = message
    self.isRetryable = isRetryable
    self.mayHaveTakenEffect = mayHaveTakenEffect
    self.retryAfter = retryAfter
    self.refusal = refusal
    self.cause = cause
  }

  public var description: String { message }
}
