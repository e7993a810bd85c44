internal import LogsWire

/// What each SIGTERM or SIGINT means.
struct StopRequests {
  enum Action: Equatable {
    /// Stop: take nothing new, answer what is in flight, tell the clients.
    case stop
    /// It belongs to the one before: stopping a group of processes often sends two.
    case ignore
    /// Wait for no client any more.
    case cutOff
    /// End at once, whatever is going on.
    case end
  }

  /// A signal that comes so soon after the one before counts as the same.
  static let repeatDuration = Duration.seconds(1)

  private var next = Action.stop
  private var last: MonotonicTime?

  mutating func receive(now: MonotonicTime) -> Action {
    if let last, now.nanoseconds(since: last) < Self.repeatDuration.wholeNanoseconds { return .ignore }
    last = now
    defer { next = next == .stop ? .cutOff : .end }
    return next
  }
}
