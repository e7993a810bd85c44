internal import CEvent
internal import Glibc
internal import LogsSystem
package import LogsWire
internal import Synchronization

/// One thread that waits for sockets, timers and signals, and runs what happens, one thing after the other.
///
/// It is a `SerialExecutor`: an actor whose `unownedExecutor` is a loop runs on the loop's thread and takes callbacks
/// with `assumeIsolated`, without a hop. What is bound to a loop (`Connection`, `Listener`, `LoopTimer`) is used on its
/// thread alone; from elsewhere only `execute`, `enqueue` and `stop` may be called.
///
/// A turn: wait; callbacks of sockets, timers and signals; work that was handed over, and in a few rounds more what
/// that hands over in turn; then the output of all connections that have some, one write each; then what was put off to
/// the end of the turn, and the output that it has brought; then the news of connections that have closed. No call on a
/// connection calls its handler.
///
/// The thread keeps the loop alive until `stop`.
///
/// Invariant behind `@unchecked Sendable`: every `var` is touched by the loop's thread alone, except before it starts.
package final class EventLoop: SerialExecutor, @unchecked Sendable {
  package let name: String

  let inbox = Inbox()
  let wakeUp: WakeUp
  /// The thread that runs the loop's work now; 0 for none.
  let runningThread = Atomic<UInt>(0)
  /// The thread to join; held while joining, so that every `stop` returns after the end.
  private let joinable = Mutex<Thread?>(nil)

  /// nil once the loop has stopped.
  private var base: EventBase?
  private var wakeUpEvent: Event?
  private var alarmEvent: Event?
  var timers: TimerQueue
  var readBuffer = ReadBuffer()
  private var works: [Inbox.Work] = []
  private var turnTime: MonotonicTime?
  private var members: [UInt64: any LoopMember] = [:]
  private var memberIDLast: UInt64 = 0
  private var dirtyConnections: [Connection] = []
  private var endWorks: [() -> Void] = []
  private var closedConnections: [Connection] = []

  private init(name: String, base: consuming EventBase, wakeUp: consuming WakeUp, timers: consuming TimerQueue) {
    self.name = name
    self.base = consume base
    self.wakeUp = wakeUp
    self.timers = timers
  }

  /// A loop with a running thread.
  ///
  /// - Parameter name: the thread's name; the system keeps 15 bytes of it.
  package static func start(name: String) throws(TransportError) -> EventLoop {
    let loop = EventLoop(name: name, base: try EventBase(), wakeUp: try WakeUp(), timers: try TimerQueue())
    // The loop's own events are freed before the loop, when the thread ends.
    let context = unsafe Unmanaged.passUnretained(loop).toOpaque()
    // Each signal is an edge, so that nothing has to be read: that the loop has woken is all.
    let wakeUp = unsafe loop.makeEvent(loop.wakeUp.number, EV_READ | EV_PERSIST | EV_ET, context: context) { _, _, _ in
    }
    let alarm = unsafe loop.makeEvent(loop.timers.alarm.number, EV_READ | EV_PERSIST, context: context) {
      _, _, context in
      guard let context = unsafe context else { return }
      unsafe Unmanaged<EventLoop>.fromOpaque(context).takeUnretainedValue().fireTimers()
    }
    guard let wakeUp, let alarm, wakeUp.add(), alarm.add() else {
      throw .noLoop()
    }
    loop.wakeUpEvent = consume wakeUp
    loop.alarmEvent = consume alarm
    let thread = try Thread.start(name) { loop.run() }
    loop.joinable.withLock { $0 = thread }
    return loop
  }

  /// Runs `body` on the loop's thread, after everything handed over before. Callable from any thread.
  package func execute(_ body: @escaping @Sendable () -> Void) { append(.body(body)) }

  /// Runs `body` once at the end of this turn, behind its output; what it hands over to the loop is run at once, and
  /// its output goes out before the loop waits. For what may take a while and serves everything that the turn has
  /// brought.
  package func executeAtEndOfTurn(_ body: @escaping () -> Void) {
    requireOnLoop()
    endWorks.append(body)
  }

  /// Ends the loop and its thread: what was handed over before is run, all that waits is given up, connections are
  /// closed at once. Returns when the thread has ended.
  ///
  /// Work handed over later still runs, in order, on a thread started for it; so nothing that awaits it hangs.
  package func stop() {
    precondition(!isOnLoop, "a loop is stopped from another thread than its own")
    inbox.requestStop()
    wakeUp.signal()
    joinable.withLock { thread in
      guard let running = thread else { return }
      running.join()
      thread = nil
    }
  }

  /// The time of this turn, or of this round of work in it: the same for all that happens in it.
  package var now: MonotonicTime {
    requireOnLoop()
    if let turnTime { return turnTime }
    let time = MonotonicTime.now()
    turnTime = time
    return time
  }

  // MARK: For the module

  /// nil once the loop has stopped.
  func makeEvent(
    _ descriptor: Int32, _ kinds: Int32, context: UnsafeMutableRawPointer, callback: event_callback_fn
  ) -> Event? {
    guard base != nil else { return nil }
    return unsafe base?.makeEvent(descriptor, kinds, context: context, callback: callback)
  }

  /// Keeps `member` alive until `leave`.
  func join(_ member: any LoopMember) -> UInt64 {
    memberIDLast += 1
    members[memberIDLast] = member
    return memberIDLast
  }

  func leave(_ memberID: UInt64) { members[memberID] = nil }

  func member(_ memberID: UInt64) -> (any LoopMember)? { members[memberID] }

  /// `connection` has output, or an end to work on, when this turn is over.
  func flushLater(_ connection: Connection) { dirtyConnections.append(connection) }

  /// `connection` has closed; its handler is notified when this turn is over.
  func announceLater(_ connection: Connection) { closedConnections.append(connection) }

  var isStopping: Bool { base == nil || inbox.isStopRequested }

  // MARK: The thread

  private func run() {
    becomeRunningThread()
    blockPipeSignal()
    while !inbox.isStopRequested { runTurn() }
    tearDown()
    resignRunningThread()
  }

  private func becomeRunningThread() { runningThread.store(UInt(pthread_self()), ordering: .relaxed) }

  /// The next late thread may run already; then its claim stands.
  private func resignRunningThread() {
    _ = runningThread.compareExchange(expected: UInt(pthread_self()), desired: 0, ordering: .relaxed)
  }

  /// A write to a socket whose peer has gone must fail, not kill the process. Blocked here and nowhere else: the
  /// process may have its own opinion about this signal.
  private func blockPipeSignal() {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGPIPE)
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
  }

  private func runTurn() {
    let mayWait =
      dirtyConnections.isEmpty && closedConnections.isEmpty && endWorks.isEmpty && inbox.prepareToWait()
    timers.setAlarm()
    turnTime = nil
    base?.runTurn(waiting: mayWait)
    runWorks()
    var roundCount = 1
    while roundCount < Self.workRoundCountMax, inbox.hasOwnWork {
      turnTime = nil
      runWorks()
      roundCount += 1
    }
    flushConnections()
    runEndWorks()
    announceClosed()
  }

  private func fireTimers() {
    timers.clearAlarm()
    for timer in timers.takeDue(at: now) { timer.fire() }
  }

  private func runEndWorks() {
    guard !endWorks.isEmpty else { return }
    var works: [() -> Void] = []
    swap(&works, &endWorks)
    for work in works { work() }
    turnTime = nil
    runWorks()
    flushConnections()
  }

  /// Rounds of work in one turn. A task that wakes, appends and waits takes two, and a turn for each would cost two
  /// system calls and put off its output; without a bound, work without end would keep the loop from its sockets.
  private static let workRoundCountMax = 4

  private func runWorks() {
    inbox.takeAll(into: &works)
    guard !works.isEmpty else { return }
    // Moved out, since work may run code that looks at the loop.
    var batch: [Inbox.Work] = []
    swap(&batch, &works)
    for work in batch {
      switch work {
      case .job(let job): unsafe job.runSynchronously(on: asUnownedSerialExecutor())
      case .body(let body): body()
      }
    }
    batch.removeAll(keepingCapacity: batch.capacity <= Self.workCapacityKept)
    swap(&batch, &works)
  }

  private static let workCapacityKept = 4096

  /// Connections that get output while this runs wait for the next turn, so that none can hold up the others.
  private func flushConnections() {
    guard !dirtyConnections.isEmpty else { return }
    var connections: [Connection] = []
    swap(&connections, &dirtyConnections)
    for connection in connections { connection.flush() }
  }

  private func announceClosed() {
    guard !closedConnections.isEmpty else { return }
    var connections: [Connection] = []
    swap(&connections, &closedConnections)
    for connection in connections { connection.announceClosed() }
  }

  private func tearDown() {
    turnTime = nil
    repeat {
      runWorks()
      runEndWorks()
      // In the order in which they came, so that what owners see does not differ from run to run.
      for (_, member) in members.sorted(by: { $0.key < $1.key }) { member.loopStops() }
      while !closedConnections.isEmpty { announceClosed() }
    } while !members.isEmpty
    dirtyConnections = []
    wakeUpEvent = nil
    alarmEvent = nil
    base = nil
    repeat {
      runWorks()
      runEndWorks()
    } while !endWorks.isEmpty || !inbox.prepareToEnd()
  }

  /// Runs what came after the end.
  func runLate() {
    becomeRunningThread()
    repeat {
      turnTime = nil
      runWorks()
      runEndWorks()
      while !closedConnections.isEmpty { announceClosed() }
    } while !endWorks.isEmpty || !inbox.prepareToEnd()
    resignRunningThread()
  }
}
