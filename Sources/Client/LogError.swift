@_exported public import LogsWire

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

extension LogError {
  /// What the server refused.
  init(_ refusal: Refusal) {
    let milliseconds = refusal.retryAfterMilliseconds
    self.init(
      .refused(refusal.code), refusal.description, isRetryable: refusal.isRetryable,
      mayHaveTakenEffect: refusal.mayHaveTakenEffect, retryAfter: milliseconds == 0 ? nil : .milliseconds(milliseconds),
      refusal: refusal)
  }

  /// The server is about to stop.
  init(_ goAway: GoAway) {
    let milliseconds = goAway.retryAfterMilliseconds
    self.init(
      .connectionLost, "the server is going away: \(goAway.text)", isRetryable: true,
      retryAfter: milliseconds == 0 ? nil : .milliseconds(milliseconds))
  }

  static let closed = LogError(.closed, "the client was shut down; make a new one")

  static let producerClosed = LogError(.closed, "the producer was shut down; make a new one")

  static let queueFull = LogError(
    .queueFull, "the producer's queue is full and the entries were dropped; wait for room, or give it more",
    isRetryable: true)

  static func cancelled(_ what: String, mayHaveTakenEffect: Bool = false) -> LogError {
    LogError(.cancelled, "\(what) was cancelled by the caller", mayHaveTakenEffect: mayHaveTakenEffect)
  }

  /// The same error, about something that may have happened.
  func afterSending(_ mayHaveTakenEffect: Bool) -> LogError {
    var copy = self
    copy.mayHaveTakenEffect = mayHaveTakenEffect
    return copy
  }
}
