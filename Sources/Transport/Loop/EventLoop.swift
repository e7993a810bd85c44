internal import CEvent
internal import Glibc
internal import LogsSystem
package import LogsWire
internal import Synchronization

/// A thread that waits for sockets, timers and signals, and runs their callbacks one after the other.
///
/// It is a `SerialExecutor`: an actor whose `unownedExecutor` is a loop runs on the loop's thread and takes callbacks
/// with `assumeIsolated`, without a hop. What is bound to a loop (`Connection`, `Listener`, `LoopTimer`) is used only
/// on its thread; from elsewhere only `execute`, `enqueue` and `stop` may be called.
///
/// A turn: wait; run the callbacks of sockets, timers and signals; run work that was handed over, and in a few rounds
/// what that hands over itself; write the output of all connections that have some, once each; run what was deferred to
/// the end of the turn, and write its output; notify the handlers of closed connections. No call to a connection calls
/// its handler.
///
/// The thread keeps the loop alive until `stop`.
///
/// Invariant behind `@unchecked Sendable`: only the loop's thread accesses a `var`, except before it starts.
package final class EventLoop: SerialExecutor, @unchecked Sendable {
  package let name: String

  let inbox = Inbox()
  let wakeUp: WakeUp
  /// The thread that currently runs the loop's work; 0 for none.
  let runningThread = Atomic<UInt>(0)
  /// The thread to join. Locked while joining, so that every `stop` returns after the end.
  private let joinable = Mutex<Thread?>(nil)

  /// nil once the loop has stopped.
  private var base: EventBase?
  private var wakeUpEvent: Event?
  private var alarmEvent: Event?
  var timers: TimerQueue
  var readBuffer = ReadBuffer()
  /// Where small pieces of output are gathered to be encrypted together.
  var recordBuffer = ReadBuffer()
  private var works: [Inbox.Work] = []
  private var turnTime: MonotonicTime?
  private var members: [UInt64: any LoopMember] = [:]
  private var memberIDLast: UInt64 = 0
  private var dirtyConnections: [Connection] = []
  /// Keeps its memory from turn to turn.
  private var flushedConnections: [Connection] = []
  private var turnEnd = TurnEnd()

  /// What is to be done at the end of this turn, mostly nothing.
  private struct TurnEnd {
    var works: [() -> Void] = []
    var closedConnections: [Connection] = []

    var isEmpty: Bool { works.isEmpty && closedConnections.isEmpty }
  }

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
    // Edge-triggered, so that nothing has to be read: waking the loop is enough.
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

  /// Runs `body` once at the end of this turn, after its output has been written. What it hands over to the loop is run
  /// at once, and its output is written before the loop waits. For work that may take a while and serves the whole
  /// turn.
  package func executeAtEndOfTurn(_ body: @escaping () -> Void) {
    requireOnLoop()
    turnEnd.works.append(body)
  }

  /// Ends the loop and its thread: work handed over before is run, everything that waits is given up, and connections
  /// are closed at once. Returns when the thread has ended.
  ///
  /// Work handed over later still runs, in order, on a thread started for it, so that nothing that awaits it hangs.
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

  /// Ends the loop of an object that goes away. The last reference to that may be dropped on the loop's own thread,
  /// which cannot wait for its own end.
  package func abandon() {
    if isOnLoop { Task.detached { self.stop() } } else { stop() }
  }

  /// The time of this turn, or of the current round of work: the same for everything in it.
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

  /// `connection` has output to write, or is closing: handle it at the end of this turn.
  func flushLater(_ connection: Connection) { dirtyConnections.append(connection) }

  /// `connection` has closed: notify its handler at the end of this turn.
  func announceLater(_ connection: Connection) { turnEnd.closedConnections.append(connection) }

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

  /// The next late thread may already run; then it stays the current one.
  private func resignRunningThread() {
    _ = runningThread.compareExchange(expected: UInt(pthread_self()), desired: 0, ordering: .relaxed)
  }

  /// A write to a socket whose peer has gone must fail, not kill the process. SIGPIPE is blocked only on this thread:
  /// the rest of the process may want it.
  private func blockPipeSignal() {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGPIPE)
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
  }

  private func runTurn() {
    let mayWait = dirtyConnections.isEmpty && turnEnd.isEmpty && inbox.prepareToWait()
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
    guard !turnEnd.isEmpty else { return }
    runEndWorks()
    announceClosed()
  }

  private func fireTimers() {
    timers.clearAlarm()
    for timer in timers.takeDue(at: now) { timer.fire() }
  }

  private func runEndWorks() {
    guard !turnEnd.works.isEmpty else { return }
    var works: [() -> Void] = []
    swap(&works, &turnEnd.works)
    for work in works { work() }
    turnTime = nil
    runWorks()
    flushConnections()
  }

  /// How many rounds of work run in one turn. A task that wakes, appends and waits needs two; a turn for each would
  /// cost two system calls and delay its output. Without a bound, endless work would keep the loop from its sockets.
  private static let workRoundCountMax = 4

  private func runWorks() {
    inbox.takeAll(into: &works)
    guard !works.isEmpty else { return }
    // Moved out, since work may access the loop.
    var batch: [Inbox.Work] = []
    swap(&batch, &works)
    for work in batch {
      switch work {
      case .job(let job): unsafe job.runSynchronously(on: asUnownedSerialExecutor())
      case .body(let body): body()
      }
    }
    Self.empty(&batch)
    swap(&batch, &works)
  }

  private static let workCapacityKept = 4096

  /// Removes all elements, and keeps the memory unless it is large. One by one, since mostly there is one:
  /// `removeAll(keepingCapacity:)` takes as long as for twenty.
  private static func empty<Element>(_ list: inout [Element]) {
    guard list.capacity <= workCapacityKept else { return list = [] }
    while list.popLast() != nil {}
  }

  /// Connections that get output meanwhile wait for the next turn, so that none can hold up the others.
  private func flushConnections() {
    guard !dirtyConnections.isEmpty else { return }
    var connections: [Connection] = []
    swap(&connections, &flushedConnections)
    swap(&connections, &dirtyConnections)
    for connection in connections { connection.flush() }
    Self.empty(&connections)
    swap(&connections, &flushedConnections)
  }

  private func announceClosed() {
    guard !turnEnd.closedConnections.isEmpty else { return }
    var connections: [Connection] = []
    swap(&connections, &turnEnd.closedConnections)
    for connection in connections { connection.announceClosed() }
  }

  private func tearDown() {
    turnTime = nil
    repeat {
      runWorks()
      runEndWorks()
      // In order, so that owners see the same in every run.
      for (_, member) in members.sorted(by: { $0.key < $1.key }) { member.loopStops() }
      while !turnEnd.closedConnections.isEmpty { announceClosed() }
    } while !members.isEmpty
    dirtyConnections = []
    wakeUpEvent = nil
    alarmEvent = nil
    base = nil
    repeat {
      runWorks()
      runEndWorks()
    } while !turnEnd.works.isEmpty || !inbox.prepareToEnd()
  }

  /// Runs work that was handed over after the end.
  func runLate() {
    becomeRunningThread()
    repeat {
      turnTime = nil
      runWorks()
      runEndWorks()
      while !turnEnd.closedConnections.isEmpty { announceClosed() }
    } while !turnEnd.works.isEmpty || !inbox.prepareToEnd()
    resignRunningThread()
  }
}
