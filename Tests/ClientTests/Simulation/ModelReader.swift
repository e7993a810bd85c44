import LogsWire

@testable import LogsClient
@testable import LogsSimulation

/// An application that follows streams, consumes at its own pace, and keeps data and cursor together, so that after a
/// crash it resumes where both were saved last.
final class ModelReader {
  private let simulation: Simulation
  private let checker: Checker
  let name: String
  private let selectors: [StreamSelector]
  private let start: FollowStart
  let end: FollowEnd
  let isReverse: Bool
  let window: Int
  /// The longest time that it takes for an event.
  private let paceMilliseconds: Int
  private let limits: FollowLimits
  /// Whether it reads page after page, each a subscription with an end, up to the head.
  private let isPaging: Bool

  /// What it has, and the part that survives a crash.
  var record = ReaderRecord()
  private var kept = ReaderRecord()

  private weak var client: VirtualClient?
  private var key: UInt64 = 0
  private var queue: [FollowEvent] = []
  private var isTaking = false
  /// When this process, or this attempt to read from the start, began.
  private(set) var begunAt: UInt64 = 0

  init(
    _ simulation: Simulation, _ checker: Checker, name: String, selectors: [StreamSelector], start: FollowStart,
    end: FollowEnd,
    isReverse: Bool, window: Int, paceMilliseconds: Int, limits: FollowLimits, isPaging: Bool
  ) {
    self.simulation = simulation
    self.checker = checker
    self.name = name
    self.selectors = selectors
    self.start = start
    self.end = end
    self.isReverse = isReverse
    self.window = window
    self.paceMilliseconds = paceMilliseconds
    self.limits = limits
    self.isPaging = isPaging
  }

  // MARK: - What it wants

  var selectorCount: Int { selectors.count }
  var hasPattern: Bool { selectors.contains(where: \.isPattern) }
  private var isDivided: Bool { limits.controlByteCountMax == 0 }
  /// Whether it can continue where it was; the others start over.
  private var keepsCursor: Bool { !isReverse && end == FollowEnd() }

  /// Whether it follows by a pattern alone, without an end: no stream that is deleted, or created anew, ends that.
  var goesOnWithoutStreams: Bool { hasPattern && selectors.count == 1 && keepsCursor }

  func selects(_ stream: StreamName) -> Bool {
    SubscriptionTerms(selectors: selectors, start: start, end: end, isReverse: isReverse, cursor: LogCursor()).selects(
      stream)
  }

  /// Where a previously unknown stream must start.
  func start(of told: AnnouncedStream) -> UInt64 {
    if isReverse { return told.head + 1 }
    // The watch may have announced it as new before all parts were announced.
    return record.isResolved || (isDivided && told.start == 0) ? 0 : offset(told.head)
  }

  private func offset(_ head: UInt64) -> UInt64 {
    switch start {
    case .now: head
    case .last(let count): head - min(count, head)
    case .first, .since, .from: 0
    }
  }

  /// In reverse, the lowest number wanted of a stream.
  func bound(_ track: ReaderRecord.Track) -> UInt64 { offset(track.head) + 1 }

  // MARK: - The process

  func begin(on client: VirtualClient, key: UInt64) {
    self.client = client
    begunAt = simulation.milliseconds
    record = keepsCursor ? kept : ReaderRecord()
    record.isLive = false
    if record.end == nil { follow(client, key: key) }
  }

  /// The subscription is given up because a stream was deleted: it starts over without the cursor.
  func startOver() {
    checker.tally.restartCount += 1
    simulation.after(0...20) { [unowned self, weak client] in
      guard let client, client === self.client else { return }
      client.run {
        guard client === self.client else { return }
        self.begunAt = self.simulation.milliseconds
        let former = self.record.former + self.record.names.compactMap { self.record.tracks[$0] }
        let gone = self.record.gone
        self.record = ReaderRecord()
        (self.record.former, self.record.gone) = (former, gone)
        self.kept = self.record
        self.follow(client, key: self.key + Self.keyStep)
      }
    }
  }

  /// Between the keys of one reader's subscriptions on one client.
  private static let keyStep: UInt64 = 1_000_000

  private func follow(_ client: VirtualClient, key: UInt64) {
    self.key = key
    queue = []
    let request = SubscriptionTerms(
      selectors: selectors, start: record.isResolved ? .first : start, end: end, isReverse: isReverse,
      cursor: record.cursor)
    client.follow(request, limits: limits, key: key, reader: self)
  }

  func stop() { client = nil }

  // MARK: - Taking

  func add(_ event: FollowEvent) {
    queue.append(event)
    take()
  }

  private func take() {
    guard !isTaking, !queue.isEmpty else { return }
    isTaking = true
    let key = key
    simulation.after(0...paceMilliseconds) { [unowned self] in
      isTaking = false
      guard let client, key == self.key else { return take() }
      client.run {
        self.takeNext(client)
        self.take()
      }
    }
  }

  private func takeNext(_ client: VirtualClient) {
    guard self.client === client, !queue.isEmpty else { return }
    let event = queue.removeFirst()
    switch event {
    case .announced(let stream): checker.announced(stream, self)
    case .resolved: record.isResolved = true
    case .batch(let batch):
      checker.delivered(batch, self)
      client.taken(batch.storedByteCount, key: key)
    case .skipped(let skip): checker.skipped(skip, self)
    case .live: record.isLive = true
    case .interrupted: record.isLive = false
    case .deleted(let stream): checker.deleted(stream, self)
    case .behind, .resumed: break
    case .ended(.limit) where isPaging:
      record.isResolved = false
      return follow(client, key: key + Self.keyStep)
    case .ended(let reason):
      record.end = reason
      checker.tally.endCount += 1
    }
    record.cursor.advance(past: event)
    if simulation.chance(3) { kept = record }
  }
}
