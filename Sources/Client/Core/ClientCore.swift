internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// The state of the client, on its loop: the connection, queued batches, subscriptions, and requests.
///
/// The connection has these phases. Batches, subscriptions and requests outlive all of them.
///
/// | phase | leads to |
/// |---|---|
/// | idle: no connection is wanted | asking, connecting |
/// | asking the token provider | connecting, waiting |
/// | connecting | handshake, waiting |
/// | handshake: HELLO is sent | open, waiting |
/// | open | draining, waiting |
/// | draining: the server is about to stop; nothing new is sent | waiting |
/// | waiting until the next attempt | asking, connecting |
/// | suspending: the application wants no connection; it closes cleanly | suspended |
/// | suspended: everything waits | asking, connecting, idle |
/// | closing: all is acknowledged, the connection closes cleanly | closed |
/// | closed, for good | |
///
/// In every phase, a failure that a retry cannot fix fails everything that waits and leads to idle. The client can be
/// suspended in every phase but the last two, and nothing fails.
actor ClientCore {
  enum Phase {
    case idle
    indirect case asking(UInt64, Task<Void, Never>, LoopTimer)
    case connecting(ConnectAttempt)
    case handshake(Link)
    case open(Link)
    indirect case draining(Link, LogError)
    case waiting(LoopTimer)
    case suspending(Link)
    case suspended
    case closing(Link)
    case closed
  }

  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

  let configuration: LogClientConfiguration
  let endpoints: [Endpoint]
  let tls: TLSContext?
  let board: StateBoard
  let budget: SendBudget
  /// Fires when batches that were refused for now are due.
  let random: (UInt64) -> UInt64

  var phase = Phase.idle
  /// The name of the server of the last open connection.
  var serverName = ""
  /// Whether the server has refused an append for now, until everything that it refused is accepted or given up.
  var isRefusing = false
  /// Whether the server got a token with the last HELLO.
  var hasToken = false
  /// How often the token provider was asked.
  var askNumberLast: UInt64 = 0
  /// Of the last connection.
  var renewal = TokenRenewal("")
  /// The question to the token provider that the open connection waits for.
  var renewalAsk: (number: UInt64, task: Task<Void, Never>)?
  /// Ends that wait, or the one before the next question.
  var renewalTimer: LoopTimer?
  var plan: ConnectionPlan

  let producer = ProducerID.random()
  var appends = AppendQueue()
  var subscriptions: SubscriptionTable
  /// The event buffers of the subscriptions.
  var buffers: [UInt64: EventBuffer] = [:]
  /// Ends the next wait after a refusal.
  var waitTimer: LoopTimer?

  var requests: [UInt64: PendingRequest] = [:]
  var requestKeys: [UInt32: UInt64] = [:]
  var requestKeyLast: UInt64 = 0

  /// Whether to connect after a suspension even if nothing waits for a connection.
  var wantsConnection = false
  var suspensionWaiters: [CheckedContinuation<Void, Never>] = []

  var isShuttingDown = false
  var shutdownTimer: LoopTimer?
  /// The callers of `shutdown` and `run`, which wait for the end.
  var endWaiters: [CheckedContinuation<Void, Never>] = []
  /// Whether it ended because the task in `run` was cancelled.
  var isCancelled = false

  init(
    loop: EventLoop, configuration: LogClientConfiguration, endpoints: [Endpoint], tls: TLSContext?,
    board: StateBoard, budget: SendBudget
  ) {
    self.loop = loop
    self.configuration = configuration
    self.endpoints = endpoints
    self.tls = tls
    self.board = board
    self.budget = budget
    random = configuration.random
    plan = ConnectionPlan(
      serverCount: endpoints.count, backoff: configuration.backoff, deadline: configuration.reconnectDeadline,
      random: configuration.random)
    subscriptions = SubscriptionTable(backoff: configuration.backoff, random: configuration.random)
  }

  /// The connection, in whatever phase.
  var link: Link? {
    switch phase {
    case .handshake(let link), .open(let link), .draining(let link, _), .suspending(let link), .closing(let link):
      link
    case .idle, .asking, .connecting, .waiting, .suspended, .closed: nil
    }
  }

  /// Whether that is the connection, and not an earlier one.
  func isCurrent(_ link: Link) -> Bool {
    switch phase {
    case .handshake(let own), .open(let own), .draining(let own, _), .suspending(let own), .closing(let own):
      own === link
    case .idle, .asking, .connecting, .waiting, .suspended, .closed: false
    }
  }

  /// The connection, if something new may be sent.
  var openLink: Link? { if case .open(let link) = phase { link } else { nil } }

  var isClosed: Bool { if case .closed = phase { true } else { false } }
}

// MARK: - The end

extension ClientCore {
  /// Waits until everything is acknowledged, or the deadline has passed, and closes.
  func shutdown(deadline: Duration) async {
    guard !isClosed else { return }
    await withCheckedContinuation { waiter in
      endWaiters.append(waiter)
      beginShutdown(deadline)
    }
  }

  /// Waits until it has closed.
  ///
  /// - Returns: whether the reason was that the task in `run` was cancelled.
  func untilClosed() async -> Bool {
    if !isClosed { await withCheckedContinuation { waiter in endWaiters.append(waiter) } }
    return isCancelled
  }

  /// The task in `run` was cancelled.
  func cancel() {
    guard !isClosed else { return }
    isCancelled = true
    close()
  }

  private func beginShutdown(_ deadline: Duration) {
    guard !isShuttingDown else { return }
    isShuttingDown = true
    budget.close(.closed)
    subscriptions.endAll(.cancelled)
    carryOutFollows()
    shutdownTimer = loop.schedule(after: deadline) { self.close() }
    // Queued entries are to be sent first.
    if !appends.isEmpty { resume() }
    closeIfDone()
  }

  /// Closes the connection once nothing waits for it any more.
  func closeIfDone() {
    guard isShuttingDown, appends.isEmpty else { return }
    switch phase {
    case .open(let link), .draining(let link, _):
      stopRenewal()
      phase = .closing(link)
      link.closeLingering(for: Self.lingerDuration)
    // It is already closing cleanly.
    case .suspending(let link): phase = .closing(link)
    case .idle, .asking, .connecting, .handshake, .waiting, .suspended: close()
    case .closing, .closed: break
    }
  }

  /// How long the server may take to close its side.
  static let lingerDuration = Duration.seconds(1)

  /// Closes at once; everything that waits fails.
  func close() {
    guard !isClosed else { return }
    stopPhase()
    phase = .closed
    for timer in [waitTimer, shutdownTimer] { timer?.cancel() }
    (waitTimer, shutdownTimer) = (nil, nil)
    budget.close(.closed)
    failAll(.closed)
    board.close()
    for waiter in endWaiters + suspensionWaiters { waiter.resume() }
    (endWaiters, suspensionWaiters) = ([], [])
  }

  /// Fails everything that waits.
  func failAll(_ error: LogError) {
    for batch in appends.removeAll() { batch.fail(error, budget) }
    subscriptions.failAll(error)
    carryOutFollows()
    failRequests(error)
  }
}
