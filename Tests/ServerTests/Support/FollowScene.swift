import LogsWire
import Testing

@testable import LogsServer
@testable import LogsSimulation

/// A hub over a model's store in virtual time, and a host that records what subscriptions do.
final class FollowScene: SubscriptionHost {
  let simulation = Simulation(seed: 1)
  let store: ModelStore
  let hub: Hub
  let counters = Counters()
  private let thread: ModelThread
  private var disk = ModelDisk()
  private var handles: [UInt32: [UInt32: StreamName]] = [:]
  private var subscriptions: [UInt32: Subscription] = [:]
  private var waitingForTurn: [Subscription] = []
  private var waitingForRoom: [Subscription] = []

  /// What was announced and delivered, in short, by subscription.
  private(set) var lines: [UInt32: [String]] = [:]
  private(set) var refusals: [Refusal] = []
  private(set) var delivered: [Batch] = []
  private(set) var introduced: [BatchDictionary] = []
  var takesDictionaries = false
  let reads = ReadSlots()
  var windowByteCount = 1 << 20
  var credit = Int.max
  /// What each turn leaves to be done in it.
  var turnStepCount = Turn.stepCountMax
  private(set) var turnCount = 0
  var isFull = false {
    didSet {
      guard !isFull else { return }
      for subscription in waitingForRoom { awaitTurn(subscription) }
      waitingForRoom = []
    }
  }

  init(
    followedStreamCountMax: Int = 1000, liveDictionaries terms: LiveDictionaries.Terms = LiveDictionaries.Terms()
  ) {
    store = ModelStore(simulation)
    store.isCached = { false }
    store.isLost = { _ in false }
    thread = ModelThread(simulation)
    hub = Hub(
      source: store, thread: thread, counters: counters, subscriptionCount: SubscriptionCount(),
      followedStreamCountMax: followedStreamCountMax, liveDictionaries: terms)
    thread.hub = hub
  }

  deinit { hub.close() }

  // MARK: What happens

  /// Stores a batch, with entries of these times, and lets the hub take the commit unless it is late.
  /// The messages are the times, unless others are given.
  func append(
    _ name: String, times: [Int64], messages: [String]? = nil, isSealing: Bool = false, isLate: Bool = false
  ) throws {
    let name = try StreamName(name)
    let index = disk.streams.firstIndex { $0.name == name && !$0.isDeleted } ?? disk.streams.count
    if index == disk.streams.count { disk.streams.append(.init(name, Incarnation(UInt64(index) + 1))) }
    var builder = BatchBuilder(seed: 1)
    for (place, time) in times.enumerated() {
      _ = try builder.append(LogEntry(message: ByteString(messages?[place] ?? "\(time)"), time: time))
    }
    let batch = builder.finish(compressor: Compressor()).numbered(
      firstSequence: disk.streams[index].head + 1, received: 1, seed: disk.streams[index].seed)
    disk.streams[index].batches.append(batch)
    disk.streams[index].head = batch.header.lastSequence
    disk.streams[index].isSealed = isSealing
    show(lateMilliseconds: isLate ? 20 : 0)
  }

  /// Publishes what is on disk.
  private func show(lateMilliseconds: Int) {
    let commit = store.show(disk)
    if lateMilliseconds > 0 {
      simulation.after(lateMilliseconds...lateMilliseconds) { [hub] in hub.take(commit.runs, deleted: commit.deleted) }
    } else {
      hub.take(commit.runs, deleted: commit.deleted)
    }
  }

  func append(_ name: String, _ count: Int = 1, isSealing: Bool = false, isLate: Bool = false) throws {
    try append(name, times: (0..<count).map { Int64($0) + 1 }, isSealing: isSealing, isLate: isLate)
  }

  /// Deletes a stream whole.
  func delete(_ name: String, lateMilliseconds: Int = 0) throws {
    disk.remove(.deleteStream, of: try StreamName(name), at: simulation.milliseconds)
    show(lateMilliseconds: lateMilliseconds)
  }

  @discardableResult
  func follow(
    _ selectors: [StreamSelector], id: UInt32 = 1, start: FollowStart = .first, end: FollowEnd = FollowEnd(),
    isReverse: Bool = false,
    cursor: [CursorPosition] = [], filter: Filter? = nil
  ) -> Subscription {
    let follow = Follow(
      credit: 1, selectors: selectors, start: start, end: end, isReverse: isReverse, cursor: cursor, filter: filter)
    let subscription = hub.subscription(id, follow, host: self)
    subscriptions[id] = subscription
    subscription.begin()
    return subscription
  }

  /// Gives turns and lets time pass until nothing is left to be done; then returns what subscription 1 has received
  /// since.
  @discardableResult
  func run(milliseconds: UInt64 = 40) -> [String] {
    let before = lines[1]?.count ?? 0
    let end = simulation.milliseconds + milliseconds
    repeat {
      giveTurns()
      simulation.run(until: end) { !waitingForTurn.isEmpty }
    } while !waitingForTurn.isEmpty
    return Array((lines[1] ?? []).dropFirst(before))
  }

  func giveTurns() {
    while !waitingForTurn.isEmpty {
      turnCount += 1
      var turn = Turn(stepCount: Turn.stepCountMax - turnStepCount)
      let subscription = waitingForTurn.removeFirst()
      if !subscription.isOver { subscription.takeTurn(&turn) }
    }
  }

  // MARK: The host

  func hasRoom(for subscription: Subscription) -> Bool {
    if isFull { waitingForRoom.append(subscription) }
    return !isFull
  }

  func creditLeft(_ subscription: Subscription) -> Int { credit }

  func awaitTurn(_ subscription: Subscription) {
    if !waitingForTurn.contains(where: { $0 === subscription }) { waitingForTurn.append(subscription) }
  }

  /// Whether the client still has what was introduced.
  var keepsDictionaries = true

  func hasDictionary(_ dictionary: BatchDictionary) -> Bool { keepsDictionaries && introduced.contains(dictionary) }

  func introduce(_ dictionary: BatchDictionary) {
    #expect(takesDictionaries)
    if !hasDictionary(dictionary) { introduced.append(dictionary) }
  }

  func deliver(_ range: BatchRange, batches: ByteString, to subscription: Subscription) {
    credit = max(0, credit - batches.count)
    do { delivered += try Batch.run(batches, introduced.last) } catch { Issue.record(error) }
    note("batch \(name(range.handle, subscription)) \(range.from)-\(range.to)\(found(batches))", subscription)
  }

  /// The numbers of sparse batches.
  private func found(_ batches: ByteString) -> String {
    var decoder = BatchDecoder()
    do {
      let sparse = try Batch.run(batches).filter { $0.header.flags.contains(.sparse) }
      let numbers = try sparse.flatMap { try decoder.entries(of: $0).map(\.sequence) }
      return numbers.isEmpty ? "" : ": " + numbers.map { "\($0)" }.joined(separator: " ")
    } catch {
      return ": \(error)"
    }
  }

  func tell(_ message: Message, to subscription: Subscription) {
    switch message {
    case .stream(let told):
      handles[subscription.id, default: [:]][told.handle] = told.stream
      note("stream \(told.stream) \(told.position)/\(told.head)", subscription)
    case .resolved(let count): note("resolved \(count)", subscription)
    case .skip(let skip): note("skip \(name(skip.handle, subscription)) \(skip.from)-\(skip.to)", subscription)
    case .live: note("live", subscription)
    case .heads(let heads):
      let texts = heads.map { "\(name($0.handle, subscription)) \($0.head)" }
      note("heads \(texts.joined(separator: ", "))", subscription)
    default: Issue.record("a subscription tells \(message.type)")
    }
  }

  func end(_ subscription: Subscription, _ reason: EndReason) { finish(subscription, "end \(reason)") }

  func refuse(_ subscription: Subscription, _ refusal: Refusal) {
    refusals.append(refusal)
    finish(subscription, "refused \(refusal.code)")
  }

  private func finish(_ subscription: Subscription, _ line: String) {
    note(line, subscription)
    #expect(subscriptions.removeValue(forKey: subscription.id) === subscription)
  }

  private func note(_ line: String, _ subscription: Subscription) { lines[subscription.id, default: []].append(line) }

  private func name(_ handle: UInt32, _ subscription: Subscription) -> String {
    handles[subscription.id]?[handle]?.text ?? "?"
  }
}
