internal import LogsSystem
internal import LogsWire
internal import Synchronization

/// Decides when the next segment begins, and makes it: prepared in the background, completed between two transactions.
final class SegmentRollover: UpkeepJob {
  enum Step {
    case wait
    /// The next segment has to be prepared: add this to the upkeep.
    case prepare
    /// It is ready and due: `take`.
    case take(NextSegment)
  }

  fileprivate enum Preparation: Sendable {
    case none
    /// Being made. What the writer commits meanwhile is collected here.
    case underway(Changes)
    case ready(NextSegment, Changes)
    /// It failed, and is not tried again before this time of the monotonic clock.
    case failed(retryAt: Int64)
  }

  fileprivate struct Changes: Sendable {
    var streams: [Int64: StreamInfo] = [:]
    var deletedStreams: Set<Int64> = []
    var marks: [MarkKey: ProducerMark] = [:]
    /// The marks that the file already has, nil until that is known.
    var known: Set<MarkKey>?
    /// How many others are collected.
    var otherCountMax = 0
    var otherCount = 0
  }

  /// When a segment ends.
  private struct Ends: Sendable {
    let byteCountMax: Int
    let ageMax: Int64
    let idleMax: Int64

    init(_ configuration: StoreConfiguration) {
      byteCountMax = configuration.segmentByteCountMax
      ageMax = configuration.segmentAgeMax.nanoseconds
      idleMax = configuration.segmentIdleMax.nanoseconds
    }
  }

  private let configuration: StoreConfiguration
  private let ends: Mutex<Ends>
  private let directory: StoreDirectory
  private let queue: WriterQueue
  private let catalog: Catalog
  private let preparation = Mutex(Preparation.none)
  /// The segment that was active when a rollover was last requested, until it has rolled or turns out to be empty.
  private let requested = Mutex<Int64?>(nil)
  /// When something was last stored, by the clock, but not before the start.
  private let storedAt: Atomic<Int64>

  private static let retryInterval = Duration.seconds(1)
  /// The next segment is prepared when the active one is this full, in eighths.
  private static let prepareEighths = 7

  init(_ configuration: StoreConfiguration, directory: StoreDirectory, queue: WriterQueue, catalog: Catalog) {
    self.configuration = configuration
    ends = Mutex(Ends(configuration))
    self.directory = directory
    self.queue = queue
    self.catalog = catalog
    storedAt = Atomic(configuration.now())
  }

  /// Other ends count from now on, for the active segment as well.
  func apply(_ configuration: StoreConfiguration) {
    ends.withLock { $0 = Ends(configuration) }
    queue.requestMaintenance()
  }

  /// Has the segment with this number, the active one, end as soon as the next one is prepared, unless it is empty.
  func request(_ number: Int64) { requested.withLock { $0 = number } }

  /// The segment that a request waits for.
  var pendingRequest: Int64? { requested.withLock { $0 } }

  /// What to do now. If that is to prepare, the preparation counts as begun.
  func step(_ active: SegmentWriter, now: Int64) -> Step {
    let need = need(active, now)
    return preparation.withLock { preparation in
      let step = Self.step(preparation, need)
      if case .prepare = step { preparation = .underway(Changes()) }
      return step
    }
  }

  /// Whether there is something to do now.
  func isStepDue(_ active: SegmentWriter, now: Int64) -> Bool {
    let need = need(active, now)
    guard need != .none else { return false }
    if case .wait = preparation.withLock({ Self.step($0, need) }) { return false }
    return true
  }

  private enum Need { case none, soon, now }

  /// How much the next segment is needed. An empty segment never rolls.
  private func need(_ active: SegmentWriter, _ now: Int64) -> Need {
    let isRequested = isRequested(active)
    guard !active.isEmpty else { return .none }
    let ends = ends.withLock { $0 }
    let (age, overflows) = now.subtractingReportingOverflow(active.createdAt)
    // A segment begun in the future, by a clock that has been corrected since, would never grow old.
    let isOld =
      overflows || age >= ends.ageMax || age < -configuration.clockStepMax.nanoseconds
    // A segment begins with a row for each stream: a rollover must cost less than the rows that led to it.
    let runCountMax = max(configuration.segmentRunCountMax, 2 * catalog.count)
    let isFull = active.byteCount >= ends.byteCountMax || active.runCount >= runCountMax
    if isRequested || isOld || isFull || isIdle(active, ends, now) || active.isWalHeld { return .now }
    let isNearlyFull =
      active.byteCount >= ends.byteCountMax / 8 * Self.prepareEighths
      || active.runCount >= runCountMax / 8 * Self.prepareEighths
    return isNearlyFull ? .soon : .none
  }

  /// Whether a request waits for this segment. One for an empty segment or an earlier one is over: what was stored
  /// before the request is not in this segment.
  private func isRequested(_ active: SegmentWriter) -> Bool {
    requested.withLock { requested in
      if let number = requested, active.isEmpty || number < active.segment.number { requested = nil }
      return requested != nil
    }
  }

  private func isIdle(_ active: SegmentWriter, _ ends: Ends, _ now: Int64) -> Bool {
    guard active.byteCount >= configuration.segmentIdleByteCountMin else { return false }
    let (time, overflows) = now.subtractingReportingOverflow(storedAt.load(ordering: .relaxed))
    // As with the age: the clock may have been corrected since.
    return overflows || time >= ends.idleMax
      || time < -configuration.clockStepMax.nanoseconds
  }

  private static func step(_ preparation: Preparation, _ need: Need) -> Step {
    if need == .none { return .wait }
    switch preparation {
    case .none: return .prepare
    case .failed(let retryAt): return SystemClock.monotonic() < retryAt ? .wait : .prepare
    case .underway: return .wait
    case .ready(let next, _): return need == .now ? .take(next) : .wait
    }
  }

  /// Collects what a commit changed, for the segment that is being made. The marks must include what was stored.
  func note(_ draft: GroupDraft) {
    storedAt.store(configuration.now(), ordering: .relaxed)
    collect { $0.add(draft) }
  }

  /// Collects streams of which something was removed, and one that was deleted.
  func note(changed: [StreamInfo], deleted: StreamInfo? = nil) {
    collect { changes in
      for stream in changed { changes.streams[stream.id] = stream }
      if let deleted { changes.delete(deleted) }
    }
  }

  private func collect(_ body: (inout Changes) -> Void) {
    preparation.withLock { preparation in
      switch preparation {
      case .none, .failed: return
      case .underway(var changes):
        preparation = .none
        body(&changes)
        preparation = .underway(changes)
      case .ready(let next, var changes):
        preparation = .none
        body(&changes)
        preparation = .ready(next, changes)
      }
    }
  }

  /// Makes the file from a snapshot that is at least as new as the moment when collecting began.
  func run(on upkeep: Upkeep) -> UpkeepOutcome {
    let number = directory.segments.current.active.number + 1
    let marks = queue.recentMarks(countMax: configuration.markForwardCountMax)
    preparation.withLock { preparation in
      guard case .underway(var changes) = preparation else { return }
      preparation = .none
      changes.bound(to: Set(marks.keys), others: configuration.markForwardCountMax)
      preparation = .underway(changes)
    }
    do throws(StoreError) {
      let next = try directory.prepareSegment(number, content(catalog.unsorted(), marks, configuration.now()))
      preparation.withLock { preparation in
        guard case .underway(let changes) = preparation else { return }
        // The file may have marks of a stream that was deleted under the id of the next one of its name.
        preparation = changes.deletedStreams.isEmpty ? .ready(next, changes) : .none
      }
    } catch {
      configuration.log(.retry("cannot prepare segment \(number), tried again later: \(error)"))
      retryLater()
    }
    queue.requestMaintenance()
    // The writer asks for it again when it is due.
    return .done
  }

  private func retryLater() {
    preparation.withLock { $0 = .failed(retryAt: SystemClock.monotonic() &+ Self.retryInterval.nanoseconds) }
  }

  private func content(
    _ streams: [StreamInfo], _ marks: [MarkKey: ProducerMark], _ createdAt: Int64
  ) -> NextSegment.Content {
    NextSegment.Content(
      createdAt: createdAt, trimmedBelow: directory.segments.current.trimmedBelow, nextStreamID: catalog.newestID + 1,
      streams: streams, marks: located(marks))
  }

  private func located(_ marks: [MarkKey: ProducerMark]) -> [SegmentWriter.LocatedMark] {
    marks.compactMap { key, mark in
      catalog[key.stream].map { (stream: $0.id, producer: key.producer, mark: mark) }
    }
  }

  /// Between two transactions: brings the prepared file up to date and makes it the active segment.
  ///
  /// - Parameter anchor: the log in front of the segments; everything in it so far is in the active segment.
  /// - Returns: nil if the disk is full; the active segment stays in use and grows.
  /// - Throws: what stops the store.
  func take(_ next: NextSegment, now: Int64, anchor: JournalAnchor?) throws(StoreError) -> SegmentWriter? {
    let changes = preparation.withLock { preparation -> Changes in
      defer { preparation = .none }
      guard case .ready(_, let changes) = preparation else { return Changes() }
      return changes
    }
    do throws(StoreError) {
      var content = content(Array(changes.streams.values), changes.marks, now)
      content.journal = anchor
      try directory.update(next, content, deleted: changes.deletedStreams)
      let following = try directory.begin(next)
      requested.withLock { $0 = nil }
      return following
    } catch {
      guard error.code == .diskFull || error.code == .busy else { throw error }
      configuration.log(.retry("cannot begin segment \(next.number), tried again later: \(error)"))
      retryLater()
      return nil
    }
  }
}

extension SegmentRollover.Changes {
  fileprivate mutating func add(_ draft: GroupDraft) {
    for stream in draft.streams { streams[stream.info.id] = stream.info }
    for (mark, _) in draft.stored { add(mark.key, ProducerMark(mark.history)) }
  }

  fileprivate mutating func delete(_ stream: StreamInfo) {
    streams[stream.id] = nil
    deletedStreams.insert(stream.id)
    for key in marks.keys where key.stream == stream.name {
      marks[key] = nil
      if known?.contains(key) == false { otherCount -= 1 }
    }
    // The file's marks go with the stream's id; they count as marks of the next stream of that name no longer.
    if let known { self.known = known.filter { $0.stream != stream.name } }
  }

  /// A mark that the file has must be brought up to date, since it counts as complete. Any other may be left out: it is
  /// found in the segment before.
  private mutating func add(_ key: MarkKey, _ mark: ProducerMark) {
    if let known, !known.contains(key), marks[key] == nil {
      guard otherCount < otherCountMax else { return }
      otherCount += 1
    }
    marks[key] = mark
  }

  /// From now on collects the marks in `known`, and at most `countMax` others.
  fileprivate mutating func bound(to known: Set<MarkKey>, others countMax: Int) {
    self.known = known
    otherCountMax = countMax
    let collected = marks
    marks = [:]
    for (key, mark) in collected { add(key, mark) }
  }
}
