internal import Synchronization

/// The state of the client's connection.
public enum ConnectionState: Sendable {
  /// No connection is wanted: nothing was requested yet, or nothing since everything failed.
  case idle
  /// An attempt is under way; they are counted from 1 since the last connection.
  case connecting(attempt: Int)
  /// The handshake is over; the name and version of the server, and the URL it was reached at.
  case connected(server: String, url: String)
  /// The next attempt begins after this time.
  case waiting(for: Duration, because: LogError)
  /// Connected, but the server has refused an append for now (a full disk, too much at once), which is sent again.
  /// Reported for each attempt until everything that was refused is acknowledged; then `connected` follows.
  case refusing(because: LogError)
  /// The application has suspended the client, which does nothing until it is resumed.
  case suspended
  /// The client was shut down: the last state.
  case closed
}

/// Reports the state to any number of observers. Slow ones miss states, but never the newest.
final class StateBoard: Sendable {
  private struct State {
    var current = ConnectionState.idle
    var isTokenIgnored = false
    var observers: [UInt64: AsyncStream<ConnectionState>.Continuation] = [:]
    var observerIDLast: UInt64 = 0
    var isOver = false
  }

  /// How many states are kept for a slow observer.
  private static let stateCountMax = 16

  private let state = Mutex(State())

  /// The state now, and then each change.
  func observe() -> AsyncStream<ConnectionState> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: ConnectionState.self, bufferingPolicy: .bufferingNewest(Self.stateCountMax))
    let id = state.withLock { state -> UInt64? in
      continuation.yield(state.current)
      guard !state.isOver else { return nil }
      state.observerIDLast += 1
      state.observers[state.observerIDLast] = continuation
      return state.observerIDLast
    }
    guard let id else {
      continuation.finish()
      return stream
    }
    continuation.onTermination = { [weak self] _ in self?.forget(id) }
    return stream
  }

  /// Whether the server got a token and did not check it.
  var isTokenIgnored: Bool {
    get { state.withLock { $0.isTokenIgnored } }
    set { state.withLock { $0.isTokenIgnored = newValue } }
  }

  private func forget(_ id: UInt64) { _ = state.withLock { $0.observers.removeValue(forKey: id) } }

  func set(_ new: ConnectionState) {
    let observers = state.withLock { state in
      state.current = new
      return Array(state.observers.values)
    }
    for observer in observers { observer.yield(new) }
  }

  /// Goes from `refusing` to `new`; any other state stays.
  func endRefusing(_ new: @autoclosure () -> ConnectionState) {
    let isRefusing = state.withLock { if case .refusing = $0.current { true } else { false } }
    if isRefusing { set(new()) }
  }

  /// Whether the last state is set.
  var isClosed: Bool { state.withLock { $0.isOver } }

  /// Sets the last state and ends all observations.
  func close() {
    let observers = state.withLock { state in
      state.current = .closed
      state.isOver = true
      let observers = Array(state.observers.values)
      state.observers = [:]
      return observers
    }
    for observer in observers {
      observer.yield(.closed)
      // Outside the lock: finishing calls `forget`.
      observer.finish()
    }
  }
}
