internal import LogsTransport
internal import LogsWire

/// A pause for the application: no connection, no attempts, no timers, and nothing fails, except a deletion that was
/// sent: it may have taken effect.
///
/// For everything that waits, a suspension is like a lost connection (`ClientCore.lose`): batches are sent again under
/// the same numbers, subscriptions resume after their last entry, and requests are made again. Answers that are on
/// their way are not awaited, since the server detects duplicates (P4).
extension ClientCore {
  /// Returns when the connection has closed.
  func suspend() async {
    beginSuspension()
    guard case .suspending = phase else { return }
    await withCheckedContinuation { waiter in suspensionWaiters.append(waiter) }
  }

  private func beginSuspension() {
    guard !isShuttingDown else { return }
    switch phase {
    case .idle: wantsConnection = false
    case .asking, .connecting, .handshake, .open, .draining, .waiting: wantsConnection = true
    case .suspending, .suspended, .closing, .closed: return
    }
    plan.stop()
    waitTimer?.cancel()
    waitTimer = nil
    disconnect(LogError(.suspended, "the client was suspended; it continues after `resume`", isRetryable: true))
    switch phase {
    case .handshake(let link), .open(let link), .draining(let link, _):
      stopRenewal()
      phase = .suspending(link)
      link.closeLingering(for: Self.lingerDuration)
    case .idle, .asking, .connecting, .waiting, .suspending, .suspended, .closing, .closed:
      stopPhase()
      phase = .suspended
    }
    board.set(.suspended)
  }

  /// The connection has closed.
  func suspensionEnded() {
    stopPhase()
    phase = .suspended
    tellSuspended()
  }

  private func tellSuspended() {
    for waiter in suspensionWaiters { waiter.resume() }
    suspensionWaiters = []
  }

  /// Continues. Earlier failures are forgotten.
  func resume() {
    switch phase {
    case .suspending, .suspended: break
    case .idle, .asking, .connecting, .handshake, .open, .draining, .waiting, .closing, .closed: return
    }
    stopPhase()
    phase = .idle
    tellSuspended()
    if wantsConnection || !appends.isEmpty || !subscriptions.isEmpty || !requests.isEmpty {
      start()
    } else {
      board.set(.idle)
    }
  }
}
