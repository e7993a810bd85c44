internal import LogsWire

/// One FOLLOW of a subscription on this connection: what the server has reported about it, and may still send.
struct SubscriptionPart {
  enum Role {
    /// The whole subscription.
    case whole
    /// Announces existing and new streams. It gets no credit and delivers nothing.
    case watch
    /// Streams by name.
    case names
  }

  let role: Role
  /// The streams that were requested by name.
  let names: Set<StreamName>
  /// The streams by their handles; streams that do not belong to the subscription are left out.
  var handles: [UInt32: StreamName] = [:]
  var isResolved = false
  var isLive = false
  var end: EndReason?

  /// Whether the server may still answer it.
  var isOpen = true
  /// The id of the request, once it has been sent.
  var id: UInt32 = 0
  var receivedByteCount: UInt64 = 0
  /// The credit granted so far.
  var creditTotal: UInt64 = 0

  /// Stored bytes that the server may still send. It may exceed its credit by one batch.
  var creditLeft: Int { creditTotal > receivedByteCount ? Int(creditTotal - receivedByteCount) : 0 }

  init(role: Role, names: [StreamName] = []) {
    self.role = role
    self.names = Set(names)
  }
}

/// What one FOLLOW can hold, and when a subscription is divided anew.
package struct FollowLimits: Sendable {
  package var controlByteCountMax = Limits.controlByteCountMax
  package var selectorCountMax = Limits.selectorCountMax
  /// How many parts newly created streams may add before the subscription is divided anew.
  package var bornPartCountMax = 32

  package init() {}
}
