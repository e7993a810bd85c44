internal import Glibc
internal import Synchronization

/// Keeps the signals that come while `logs ship` starts, until something is there to take them.
final class EarlySignals: Sendable {
  private let waiting = Mutex<[Interruption.Caught]>([])

  /// - Parameter takingAll: all of them, not only SIGHUP.
  init(takingAll: Bool) {
    Interruption.diversion.withLock {
      $0 = Interruption.Diversion { signal in
        guard takingAll || signal.number == SIGHUP else { return false }
        self.waiting.withLock { $0.append(signal) }
        return true
      }
    }
  }

  /// Hands them over: from now on `diversion` takes signals.
  func end(with diversion: Interruption.Diversion) {
    Interruption.diversion.withLock { $0 = diversion }
    for signal in waiting.withLock({ $0 }) { _ = diversion.take(signal) }
  }
}
