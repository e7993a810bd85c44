internal import LogsWire

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
    .queueFull, "the producer's queue is full and the entries were dropped; wait for room, or allow it more",
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
