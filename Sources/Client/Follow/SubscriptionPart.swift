internal import LogsWire

/// One request of a subscription on this connection: what the server has told about it, and what it may still send.
struct SubscriptionPart {
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

  /// Whether the server may still answer it.
  var isOpen = true
  /// The request's number, once it has been sent.
  var id: UInt32 = 0
  var receivedByteCount: UInt64 = 0
  /// What the server was told it may send in all.
  var creditTotal: UInt64 = 0

  /// Stored bytes that the server may still send; it may have overdrawn by one batch.
  var creditLeft: Int { creditTotal > receivedByteCount ? Int(creditTotal - receivedByteCount) : 0 }

  init(role: Role) { self.role = role }
}

/// What one request can hold, and how many there may be.
package struct FollowLimits: Sendable {
  package var controlByteCountMax = Limits.controlByteCountMax
  package var selectorCountMax = Limits.selectorCountMax
  /// Requests for streams that were created one after the other, until all are divided anew.
  package var bornPartCountMax = 32

  package init() {}
}
