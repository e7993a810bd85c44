internal import Glibc
internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// Keeps the archive: copies every sealed segment to another directory (decision 57).
///
/// Nothing waits for its thread: the archive's disk may be slow, full or away.
final class SegmentArchive: Sendable {
  typealias Counts = StoreStatistics.ArchiveState

  private struct State: Sendable {
    var configuration: StoreConfiguration
    var isStarted = false
    var isClosing = false
    var hasEnded = false
    /// Whether something has changed that it does not see by itself.
    var isPoked = false
    var counts = Counts()
    var notes: ArchiveNotes?
    /// Why there are none.
    var notesProblem: StoreError?
    /// What the archive has; nil until that has been read.
    var head: ArchiveHead?
    /// The directory that `head` is of.
    var directory: String?
    var nextExpiryAt: Int64?
    var clock: RetentionClock
    /// When the segment that is next was first seen sealed.
    var nextSeen: (number: Int64, at: Int64)?
    var retryDelay: Duration?
    /// When archived segments that could not be read are tried again; nil: at once.
    var unreadableRetryAt: Int64?
    /// Since when another process has it locked.
    var lockedSince: Int64?
  }

  private let directory: StoreDirectory
  private let pool: ConnectionPool
  private let catalog: Catalog
  private let log: @Sendable (LogLine) -> Void
  private let monitor: Monitor<State>

  /// How much is copied in a second at most.
  private static let byteCountPerSecond = 64 << 20
  private static let pieceByteCount = 1 << 20
  /// A restore or a check may have it for so long before that counts as a failure.
  private static let lockPatience = Duration.seconds(600)
  private static let gapTime = Duration.milliseconds(50)
  private static let restTimeMax = Duration.milliseconds(500)
  /// A thread that waits for a disk that is away is left alone when the store closes.
  private static let endPatience = Duration.seconds(5)

  init(_ configuration: StoreConfiguration, directory: StoreDirectory, pool: ConnectionPool, catalog: Catalog) {
    self.directory = directory
    self.pool = pool
    self.catalog = catalog
    log = configuration.log
    monitor = Monitor(
      State(
        configuration: configuration,
        clock: RetentionClock(latest: configuration.now(), elapsed: configuration.elapsed())))
  }

  /// Reads what is to be remembered, and begins if there is an archive.
  func start(latest: Int64?) {
    do throws(StoreError) {
      let notes = try ArchiveNotes(directory.paths, directory.files)
      settle(notes)
      notes.limit { catalog[$0]?.head }
      notes.write()
      monitor.withLock { state in
        state.notes = notes
        let configuration = state.configuration
        state.clock = RetentionClock(latest: latest ?? configuration.now(), elapsed: configuration.elapsed())
      }
    } catch {
      let isWanted = monitor.withLock { state in
        (state.notesProblem, state.counts.failure) = (error, error.description)
        return state.configuration.archive != nil
      }
      log(
        .error(
          isWanted
            ? "nothing is archived, and nothing can be deleted: \(error)"
            : "what is deleted is not noted for the archive that there was: \(error)"))
    }
    startThread()
  }

  /// Finds out whether the deletion that a crash has interrupted is recorded.
  private func settle(_ notes: ArchiveNotes) {
    guard let intent = notes.content?.intent else { return }
    // That its stream is gone says nothing: a repair may have lost it, and `$audit`, too.
    let isRecorded = (catalog[OwnStreams.audit]?.head ?? 0) >= intent.entry || isDeleted(intent.deletion)
    notes.settle(isRecorded: isRecorded)
  }

  private func isDeleted(_ deletion: ArchiveNotes.Deletion) -> Bool {
    // One that is there was not deleted as a whole.
    guard let stream = catalog[deletion.stream], !deletion.isWhole else { return false }
    // Some may have been trimmed, before or since.
    return !stream.keptRanges.contains { $0.overlaps(deletion.numbers) }
      && stream.removals.ranges.contains { $0.reason == .deleted && $0.numbers.overlaps(deletion.numbers) }
  }

  func apply(_ configuration: StoreConfiguration) {
    monitor.withLock { state in
      if state.configuration.archive != configuration.archive {
        (state.head, state.directory, state.counts.through, state.retryDelay) = (nil, nil, nil, nil)
        state.unreadableRetryAt = nil
      }
      (state.configuration, state.isPoked, state.nextExpiryAt) = (configuration, true, nil)
    }
    startThread()
    monitor.signal()
  }

  private func startThread() {
    let isFirst = monitor.withLock { state in
      guard state.configuration.archive != nil, !state.isStarted, !state.isClosing, state.notes != nil else {
        return false
      }
      state.isStarted = true
      return true
    }
    if isFirst { _ = Thread("store-archive", priority: .low) { self.run() } }
  }

  /// Ends the thread, after what it is just copying is given up.
  func close() {
    let isRunning = monitor.withLock { state in
      state.isClosing = true
      return state.isStarted
    }
    monitor.signal()
    writeNotes()
    guard isRunning else { return }
    if monitor.wait(timeout: Self.endPatience, until: { $0.hasEnded ? true : nil }) == nil {
      log(.warn("the archive's disk does not answer; what was being copied is copied again at the next start"))
    }
  }

  /// Nil if there is no archive.
  var counts: Counts? {
    let listing = directory.segments.current
    return monitor.withLock { state in
      guard let path = state.configuration.archive else { return nil }
      var counts = state.counts
      let content = state.notes?.content
      let through = counts.through ?? content?.through(in: path) ?? 0
      counts.unreadableCount = content?.unreadable.count ?? 0
      counts.waitingCount = listing.segments.count { $0.state == .sealed && $0.number > through }
      return counts
    }
  }

  // MARK: deletions

  private struct Known {
    let notes: ArchiveNotes
    /// Nil without the setting.
    let path: String?
    /// Whether the archive has been read since it was named.
    let isRead: Bool
    let head: ArchiveHead?
  }

  /// What is known of the archive; nil if there never was one, or if the server has none and cannot read what it noted
  /// of the last.
  private func known() throws(StoreError) -> Known? {
    let (problem, known) = monitor.withLock { state -> (StoreError?, Known?) in
      let path = state.configuration.archive
      guard let notes = state.notes, path != nil || notes.content != nil else {
        return (path == nil ? nil : state.notesProblem, nil)
      }
      let isRead = path != nil && state.directory == path
      return (nil, Known(notes: notes, path: path, isRead: isRead, head: state.head))
    }
    if let problem { throw problem }
    return known
  }

  /// What the archive has of a stream's numbers that the data directory has not any more. While the archive has not
  /// been read, it may have everything.
  func kept(of stream: StreamInfo, within wanted: ClosedRange<UInt64>) throws(StoreError) -> [ClosedRange<UInt64>] {
    guard let known = try known(), let content = known.notes.content else { return [] }
    let head = known.head
    guard known.isRead ? head != nil : content.mayHaveSegments(in: known.path) else { return [] }
    var gone: [ClosedRange<UInt64>] = []
    if stream.first > 1 { gone.append(1...stream.first - 1) }
    if let trimmed = stream.removals.trimmed { gone.append(trimmed.numbers) }
    var archived: [ClosedRange<UInt64>] = stream.head > 0 ? [1...stream.head] : []
    if let head { archived = head.streams[stream.id]?.keptRanges ?? [] }
    var deleted = Removals()
    for deletion in content.deletions where deletion.stream == stream.id {
      deleted.add(Removal(numbers: deletion.numbers, reason: .deleted, byteCount: 0))
    }
    return gone.flatMap { numbers in archived.compactMap { $0.common(with: numbers)?.common(with: wanted) } }
      .flatMap { deleted.kept(of: $0) }
  }

  /// Whether the archive has as many ranges of a stream removed as it may, and these numbers would be one more.
  func isFull(for deletion: ArchiveNotes.Deletion) throws(StoreError) -> Bool {
    guard let known = try known() else { return false }
    let noted = (known.notes.content?.deletions ?? []).filter { $0.stream == deletion.stream }.map(\.numbers)
    let removed = (known.head?.streams[deletion.stream]?.removals ?? Removals()).ranges
    guard removed.count + noted.count >= ArchiveHead.removedRangeCountMax else { return false }
    let deleted = noted + removed.filter { $0.reason == .deleted }.map(\.numbers)
    return !deleted.contains { $0.touches(deletion.numbers) }
  }

  /// Notes what is about to be deleted, durably: if it is recorded, it will be deleted in the archive, too.
  ///
  /// - Parameter entry: the number that its entry in `$audit` gets.
  func intend(_ deletion: ArchiveNotes.Deletion, entry: UInt64) throws(StoreError) {
    if let known = try known() {
      try known.notes.intend(ArchiveNotes.Intent(deletion: deletion, entry: entry))
    } else if let problem = monitor.withLock({ $0.notesProblem }) {
      log(.warn("a deletion is not noted for the archive that there was: \(problem)"))
    }
  }

  /// Says whether what was intended is recorded now.
  func settle(isRecorded: Bool) {
    guard let notes = monitor.withLock({ $0.notes }) else { return }
    notes.settle(isRecorded: isRecorded)
    look()
  }

  /// A segment was sealed.
  func noteSeal() {
    writeNotes()
    look()
  }

  /// What a full disk has kept from the file: at the next start the streams may reach further.
  private func writeNotes() { monitor.withLock { $0.notes }?.write() }

  /// Has it look for work soon.
  private func look() {
    monitor.withLock { $0.isPoked = true }
    monitor.signal()
  }

  /// Says what a trim takes from the data directory that the archive has not got.
  func noteTrim(_ trim: Trim) {
    let lost: (Int64, Int64, String)? = monitor.withLock { state in
      guard let path = state.configuration.archive, let notes = state.notes else { return nil }
      let through = state.counts.through ?? notes.content?.through(in: path) ?? 0
      let lost = trim.segments.map(\.number).filter { $0 > through }
      guard let first = lost.first, let last = lost.last else { return nil }
      state.counts.lostCount += lost.count
      return (first, last, path)
    }
    guard let (first, last, path) = lost else { return }
    log(
      .error(
        """
        retention has removed segments \(first) to \(last) before they were in the archive \(path): what they held is \
        lost. See why it is behind, or keep entries for longer
        """))
  }

  // MARK: the thread

  private func run() {
    while let configuration = awaitWork() {
      do throws(StoreError) {
        try work(configuration)
        succeeded(configuration)
      } catch {
        failed(error, configuration)
      }
    }
    monitor.withLock { $0.hasEnded = true }
    monitor.signal()
  }

  /// Waits until there may be something to do; nil when the store closes.
  private func awaitWork() -> StoreConfiguration? {
    // Others who wait for the archive have their turn.
    var isFirst = true
    while true {
      let (interval, hasFailed) = monitor.withLock { state in
        (
          state.retryDelay ?? (isFirst ? Self.gapTime : state.configuration.archiveInterval),
          state.retryDelay != nil
        )
      }
      isFirst = false
      // After a failure only the time counts.
      _ = monitor.wait(timeout: interval) { state in state.isClosing || (state.isPoked && !hasFailed) ? true : nil }
      let configuration: StoreConfiguration?? = monitor.withLock { state in
        if state.isClosing { return .some(nil) }
        state.isPoked = false
        return state.configuration.archive == nil ? nil : .some(state.configuration)
      }
      if let configuration {
        guard let configuration else { return nil }
        if hasFailed || hasWork(configuration) { return configuration }
      }
    }
  }

  private func hasWork(_ configuration: StoreConfiguration) -> Bool {
    let listing = directory.segments.current
    let (content, head, known, nextExpiryAt) = monitor.withLock { state in
      (state.notes?.content, state.head, state.directory, state.nextExpiryAt)
    }
    guard known == configuration.archive else { return true }
    if let head, head.number < listing.active.number {
      let next = listing.segments.first { $0.number >= head.number && $0.state != .damaged }
      if let next, next.number > head.number || isReady(next, configuration) { return true }
    } else if head == nil, let first = listing.segments.first(where: { $0.state != .damaged }) {
      if isReady(first, configuration) { return true }
    }
    if let head, let content {
      if content.deletions.contains(where: { head.isDue($0, catalog) }) { return true }
      if !content.unreadable.isEmpty, isRetryDue() { return true }
    }
    guard head != nil, let now = believedTime(configuration) else { return false }
    return now >= nextExpiryAt ?? .min
  }

  /// Whether it is time to try what could not be read.
  private func isRetryDue() -> Bool {
    monitor.withLock { $0.unreadableRetryAt.map { SystemClock.monotonic() >= $0 } ?? true }
  }

  private func believedTime(_ configuration: StoreConfiguration) -> Int64? {
    guard configuration.archiveAgeMax != nil else { return nil }
    let (elapsed, wall) = (configuration.elapsed(), configuration.now())
    return monitor.withLock { $0.clock.look(wall: wall, elapsed: elapsed) }
  }

  /// Whether a segment has been sealed, and compacted if that is to come soon.
  private func isReady(_ segment: Segment, _ configuration: StoreConfiguration) -> Bool {
    guard segment.state == .sealed else { return false }
    let now = SystemClock.monotonic()
    let seenAt = monitor.withLock { state in
      if state.nextSeen?.number != segment.number { state.nextSeen = (segment.number, now) }
      return state.nextSeen?.at ?? now
    }
    let scene = scene(configuration)
    // Those of a backlog have waited already: each was sealed soon after the next one began.
    let next = directory.segments.current.segments.first { $0.number == segment.number + 1 }
    let nextCreatedAt = next.flatMap { next in
      scene?.read(next) { connection throws(SQLiteError) in try connection.createdAt() }
    }
    let age = nextCreatedAt.map { configuration.now().subtractingClamped($0) } ?? 0
    if configuration.upkeepProcessorPercent == 0
      || max(now - seenAt, age) >= configuration.archiveCompactionWaitMax.nanoseconds
    {
      return true
    }
    let isCompacted = scene?.read(segment) { connection throws(SQLiteError) in
      try connection.isCompacted()
    }
    // What cannot be read will not be compacted.
    return isCompacted ?? true
  }

  private func scene(_ configuration: StoreConfiguration) -> ArchiveScene? {
    guard let notes = monitor.withLock({ $0.notes }) else { return nil }
    var before = SystemClock.monotonic()
    return ArchiveScene(
      configuration: configuration, directory: directory, pool: pool, catalog: catalog, notes: notes
    ) { () throws(FileError) in
      if self.monitor.withLock({ $0.isClosing }) {
        throw FileError(operation: "stop", path: configuration.archive ?? "", code: ECANCELED)
      }
      let worked = SystemClock.monotonic() &- before
      let pieceTime = Int64(Self.pieceByteCount) * 1_000_000_000 / Int64(Self.byteCountPerSecond)
      // A disk that hung need not be spared for as long as it did.
      let rest = min(max(worked, pieceTime - worked), Self.restTimeMax.nanoseconds)
      usleep(UInt32(clamping: rest / 1_000))
      before = SystemClock.monotonic()
    }
  }

  private func work(_ configuration: StoreConfiguration) throws(StoreError) {
    guard let path = configuration.archive, let scene = scene(configuration) else { return }
    var pass = try ArchivePass(scene, at: path)
    // What was deleted from a newer one would come back with an older copy of it.
    if let known = scene.notes.content?.through(in: path), let head = pass.head, head.number - 1 < known {
      throw StoreError(
        .notAStore,
        """
        \(path) ends with segment \(head.number - 1), but it had the segments up to \(known): it was replaced by an \
        older copy. Put the newer one back, or name another directory. To go on with this one, stop the server and \
        remove \(scene.directory.paths.archive); what was deleted since the copy stays in it then
        """)
    }
    let isRetrying = isRetryDue()
    let failure: StoreError?
    do throws(StoreError) {
      try pass.run(isReady: { isReady($0, configuration) }, now: believedTime(configuration), isRetrying: isRetrying)
      failure = nil
    } catch { failure = error }
    let outcome = pass.outcome
    monitor.withLock { state in
      guard state.configuration.archive == path else { return }
      if isRetrying, failure == nil {
        state.unreadableRetryAt = SystemClock.monotonic() &+ configuration.archiveRetryIntervalMax.nanoseconds
      }
      state.head = outcome.head
      state.directory = path
      state.nextExpiryAt = outcome.nextExpiryAt
      state.counts.through = outcome.head.map { $0.number - 1 } ?? 0
      state.counts.expiredCount += outcome.expiredCount
      if let copied = outcome.copied {
        state.counts.copiedCount += 1
        state.counts.copiedByteCount += copied.byteCount
      }
    }
    say(outcome, path)
    if let failure { throw failure }
  }

  private func say(_ outcome: ArchivePass.Outcome, _ path: String) {
    if let (number, byteCount) = outcome.copied {
      log(.upkeep("segment \(number) is archived: \(byteCount >> 10) KiB in \(path)"))
    }
    if let lost = outcome.lost {
      log(
        .error(
          """
          segments \(lost.lowerBound) to \(lost.upperBound) were gone before they could be archived: \(path) has empty \
          ones in their place
          """))
    }
    if outcome.expiredCount > 0 {
      let count = Figures.count(outcome.expiredCount, "segment", "segments")
      log(.upkeep("trimmed in the archive: \(count), since all in them is older than archive-retention-age"))
    }
    for number in outcome.rewritten {
      log(.upkeep("segment \(number) is rewritten in the archive, without what was deleted"))
    }
    for remark in outcome.remarks { log(.error("in the archive \(path) \(remark)")) }
  }

  // MARK: failures

  private func succeeded(_ configuration: StoreConfiguration) {
    let hadFailed = monitor.withLock { state in
      defer { (state.retryDelay, state.counts.failure, state.lockedSince) = (nil, nil, nil) }
      return state.counts.failure != nil
    }
    if hadFailed { log(.notice("the archive \(configuration.archive ?? "") works again")) }
  }

  private func failed(_ error: StoreError, _ configuration: StoreConfiguration) {
    let now = SystemClock.monotonic()
    let isNew = monitor.withLock { state in
      let delay = state.retryDelay.map { $0 * 2 } ?? configuration.upkeepRetryInterval
      if state.isClosing { return false }
      if error.code == .locked {
        state.retryDelay = configuration.upkeepRetryInterval
        let since = state.lockedSince ?? now
        state.lockedSince = since
        if now - since < Self.lockPatience.nanoseconds { return false }
      } else {
        state.lockedSince = nil
        state.retryDelay = min(delay, configuration.archiveRetryIntervalMax)
      }
      defer { state.counts.failure = error.description }
      return state.counts.failure != error.description
    }
    guard isNew else { return }
    log(
      .error(
        """
        nothing is archived: \(error). It is tried again; entries are taken as before, but what retention removes \
        meanwhile is lost to the archive
        """))
  }
}

extension ClosedRange<UInt64> {
  /// Nil if they have none.
  fileprivate func common(with other: ClosedRange<UInt64>) -> ClosedRange<UInt64>? {
    overlaps(other) ? clamped(to: other) : nil
  }
}
