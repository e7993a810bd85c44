internal import Synchronization

/// The turn of a submission that waits for room: settled once, perhaps before its caller awaits it.
///
/// A caller on an actor may be suspended between taking its place and awaiting its turn, so that it awaits it behind
/// others who came later.
final class WaitingTurn: Sendable {
  private enum State {
    case open
    case awaited(CheckedContinuation<LogError?, Never>)
    case settled(LogError?)
  }

  private let state = Mutex(State.open)

  /// Waits for its turn.
  ///
  /// - Returns: why the submission was not taken, if it was not.
  func outcome() async -> LogError? {
    await withCheckedContinuation { continuation in
      let outcome = state.withLock { state -> LogError?? in
        if case .settled(let outcome) = state { return .some(outcome) }
        state = .awaited(continuation)
        return nil
      }
      if let outcome { continuation.resume(returning: outcome) }
    }
  }

  func settle(_ outcome: LogError?) {
    let continuation = state.withLock { state -> CheckedContinuation<LogError?, Never>? in
      defer { state = .settled(outcome) }
      if case .awaited(let continuation) = state { return continuation }
      return nil
    }
    continuation?.resume(returning: outcome)
  }
}
