internal import LogsWire

/// One request of a subscription and what the server has told about it on this connection.
struct FollowPart {
  enum Role {
    /// All that the application asked for.
    case whole
    /// Which streams there are and which are created: it gets no credit and delivers nothing.
    case watch
    /// Streams by name.
    case names
  }

  let role: Role
  /// Which stream a handle stands for; streams that are no part of the subscription have none.
  var handles: [UInt32: StreamName] = [:]
  var isResolved = false
  var isLive = false
  var end: EndReason?
}

/// What one request can hold, and how many there may be.
package struct FollowLimits: Sendable {
  package var controlByteCountMax = Limits.controlByteCountMax
  package var selectorCountMax = Limits.selectorCountMax
  /// Requests for streams that were created one after the other, until all are divided anew.
  package var bornPartCountMax = 32

  package init() {}
}
