internal import Synchronization

/// Work that is to run on a loop, in order.
///
/// A wake-up costs three system calls. A thread requests one only if the loop may be waiting, nobody else has requested
/// it, and the thread is not the loop's own, which looks here before it waits again.
struct Inbox: ~Copyable, Sendable {
  enum Work {
    case job(UnownedJob)
    case body(@Sendable () -> Void)
  }

  /// What the caller must do so that added work is run.
  enum Demand {
    case nothing
    case wakeLoop
    /// The loop has ended; start a thread that runs the rest.
    case startThread
  }

  /// Not private: the layout of `EventLoop`, in another file, contains it.
  struct State {
    var works: [Work] = []
    /// Whether a thread will look at `works` without being woken.
    var isAttended = true
    /// Whether some of `works` comes from the loop's own thread.
    var hasOwnWork = false
    var isStopRequested = false
    var hasLoopEnded = false
  }

  private let state = Mutex(State())

  /// - Parameter isOnLoop: whether the caller is the thread that runs the loop's work.
  func append(_ work: Work, isOnLoop: Bool) -> Demand {
    state.withLock { state in
      state.works.append(work)
      if isOnLoop { state.hasOwnWork = true }
      guard !state.isAttended else { return .nothing }
      state.isAttended = true
      if state.hasLoopEnded { return .startThread }
      return isOnLoop ? .nothing : .wakeLoop
    }
  }

  /// Moves all work into `works`, which must be empty; its memory is reused for later work.
  func takeAll(into works: inout [Work]) {
    precondition(works.isEmpty, "work that was taken is run before more is taken")
    state.withLock { state in
      state.isAttended = true
      state.hasOwnWork = false
      swap(&state.works, &works)
    }
  }

  /// Whether there is work that the loop's own thread has handed over.
  var hasOwnWork: Bool { state.withLock { $0.hasOwnWork } }

  /// Whether the loop may wait; from then on, new work requests a wake-up.
  func prepareToWait() -> Bool {
    state.withLock { state in
      guard state.works.isEmpty, !state.isStopRequested else { return false }
      state.isAttended = false
      return true
    }
  }

  /// Whether the thread may end because nothing is left; from then on, new work requests a thread.
  func prepareToEnd() -> Bool {
    state.withLock { state in
      guard state.works.isEmpty else { return false }
      state.isAttended = false
      state.hasLoopEnded = true
      return true
    }
  }

  func requestStop() { state.withLock { $0.isStopRequested = true } }

  var isStopRequested: Bool { state.withLock { $0.isStopRequested } }
}
