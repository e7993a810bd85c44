internal import LogsWire

/// What each SIGTERM or SIGINT means.
struct StopRequests {
  enum Action: Equatable {
    /// Stop: accept nothing new, answer what is in flight, notify the clients.
    case stop
    /// It belongs to the one before: stopping a group of processes often sends two.
    case ignore
    /// Stop waiting for clients.
    case cutOff
    /// End at once, whatever is under way.
    case end
  }

  /// A signal that comes this soon after the one before counts as the same.
  static let repeatDuration = Duration.seconds(1)

  private var next = Action.stop
  private var last: MonotonicTime?

  mutating func receive(now: MonotonicTime) -> Action {
    if let last, now.nanoseconds(since: last) < UInt64(Self.repeatDuration.nanoseconds) { return .ignore }
    last = now
    defer { next = next == .stop ? .cutOff : .end }
    return next
  }
}
