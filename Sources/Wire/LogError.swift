/// Why something could not be done: what failed, why, what to do, and whether trying again makes sense.
public struct LogError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Code: Hashable, Sendable {
    /// The server refused it; its own code says why.
    case refused(RefusalCode)
    /// A server's URL or another setting is wrong.
    case invalidConfiguration
    /// What was asked for breaks a rule that no server needs to be asked about.
    case invalidRequest
    /// An entry that no batch can hold.
    case invalidEntry
    /// No connection could be made.
    case unreachable
    /// The connection broke.
    case connectionLost
    /// The peer broke the protocol, or bytes were damaged on the way.
    case protocolViolation
    /// No connection within `LogClientConfiguration.reconnectDeadline`.
    case gaveUp
    /// The application has suspended the client: why a subscription waits.
    case suspended
    /// The client was shut down.
    case closed
    /// The waiting task was cancelled.
    case cancelled
    /// The name of a stream, or a pattern, breaks the rules.
    case invalidName
    /// A cursor's text breaks its form.
    case invalidCursor
    /// A file could not be read or written.
    case fileFailed
    /// A batch was received whole but cannot be decoded.
    case damaged
    /// Entries that were stored once are gone: trimmed, deleted or lost.
    case dataMissing
    /// A producer's queue has no room, and the entries were dropped.
    case queueFull
    /// The spool could not be read or written.
    case spoolFailed
    /// Another process uses the spool.
    case spoolInUse
  }

  public var code: Code
  /// What failed, why, and what to do, in one line.
  public var message: String
  /// Whether the same call may succeed later without a change.
  public var isRetryable: Bool
  /// Whether what was asked for may have been done all the same.
  public var mayHaveTakenEffect: Bool
  /// How long to wait before trying again; nil leaves it to the caller.
  public var retryAfter: Duration?
  /// What the server said, when it was the server.
  public var refusal: Refusal?
  /// What lies beneath, in the words of the system or the library.
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
