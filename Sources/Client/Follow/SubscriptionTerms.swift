internal import LogsWire

/// What an application wants to follow.
struct SubscriptionTerms: Sendable {
  var selectors: [StreamSelector]
  var start: FollowStart
  var end: FollowEnd
  var isReverse: Bool
  var cursor: LogCursor
  /// Which entries are wanted; nil for all.
  var filter: Filter?
  /// Stored bytes that may wait for the application and be on their way; nil for the client's usual window.
  var window: Int?

  /// Whether `stream` is one of those selected.
  func selects(_ stream: StreamName) -> Bool {
    selectors.contains { selector in
      switch selector {
      case .stream(let name): name == stream
      case .pattern(let pattern): pattern.matches(stream)
      }
    }
  }

  /// Checks what needs no server.
  func check() throws(LogError) {
    if selectors.isEmpty || selectors.count > Limits.selectorCountMax {
      throw LogError(
        .invalidRequest,
        """
        a subscription names 1 to \(Limits.selectorCountMax) streams and patterns, not \(selectors.count); use a \
        pattern
        """)
    }
    if case .from(0) = start {
      throw LogError(.invalidRequest, "sequence numbers start at 1; follow from 1 for everything")
    }
    if end.limit == 0 {
      throw LogError(.invalidRequest, "a limit of 0 entries asks for nothing; leave it out or ask for 1")
    }
  }
}
