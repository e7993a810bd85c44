internal import Synchronization

/// What other threads want run on a loop, in order.
///
/// A wake-up costs three system calls, so a thread asks for one only when the loop may wait, nobody else has asked, and
/// it is not the loop's own: that one looks here before it waits again.
struct Inbox: ~Copyable, Sendable {
  enum Work {
    case job(UnownedJob)
    case body(@Sendable () -> Void)
  }

  /// What must be done after work was added to have it run.
  enum Demand {
    case nothing
    case wakeLoop
    /// The loop has ended; a thread must be started that runs what is left.
    case startThread
  }

  /// Not private: the layout of `EventLoop`, in another file, contains it.
  struct State {
    var works: [Work] = []
    /// Whether somebody will look at `works` without being asked.
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

  /// Moves all work into `works`, which must be empty; its memory is used for what comes next.
  func takeAll(into works: inout [Work]) {
    precondition(works.isEmpty, "work that was taken is run before more is taken")
    state.withLock { state in
      state.isAttended = true
      state.hasOwnWork = false
      swap(&state.works, &works)
    }
  }

  /// Whether work waits that the loop's own thread has handed over.
  var hasOwnWork: Bool { state.withLock { $0.hasOwnWork } }

  /// Whether the loop may wait; from then on new work asks for a wake-up.
  func prepareToWait() -> Bool {
    state.withLock { state in
      guard state.works.isEmpty, !state.isStopRequested else { return false }
      state.isAttended = false
      return true
    }
  }

  /// Whether the thread may end because nothing is left; from then on new work asks for a thread.
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
