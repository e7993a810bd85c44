internal import LogsDisk
internal import LogsSystem
internal import LogsWire
internal import Synchronization

/// Decides which segments are kept no longer, and removes them.
///
/// Three steps, of which the second makes it true: this job, on the upkeep thread, plans a trim; the writer records it
/// in the active segment and tells the readers; then the files are removed. After a crash in between a start removes
/// what is below the mark.
final class Retention: UpkeepJob {
  /// What was removed since the store was opened, and what is wrong now.
  struct Counts: Sendable {
    var segmentCounts: [Trim.Reason: Int] = [:]
    var byteCounts: [Trim.Reason: Int] = [:]
    var isDiskLow = false
    var isClockDoubted = false
    /// What segments grow in a day, about, at the present rate; nil until it is known.
    var bytesPerDay: Int?
    /// Days until the disk has too little free space; nil if `retention-size` comes first, or it is not known.
    var diskDaysLeft: Int?
    /// Days that `retention-size` holds.
    var sizeDays: Int?
  }

  private struct State: Sendable {
    var policy: RetentionPolicy
    /// Grows with each change of the policy: what was planned by an earlier one does not count.
    var generation = 0
    /// Whether the upkeep looks from time to time.
    var isScheduled = false
    var clock: RetentionClock
    var growth = GrowthRate()
    var disk = DiskWatch()
    /// Planned, but not published yet.
    var trim: Trim?
    /// Of single streams.
    var streamTrim: StreamTrim?
    var streams: StreamRetention
    var counts = Counts()
    /// All files but those of the segment that was active, when they were last looked at.
    var otherByteCount = 0
    /// All files, when they were last looked at.
    var byteCount = 0
    var trimmed: TrimmedFiles
    var relief = DiskRelief()
    /// What a rewrite needs in all.
    var reservedByteCount = 0
    var isCheckRequested = false
    var isFailureNoted = false
  }

  private let configuration: StoreConfiguration
  private let directory: StoreDirectory
  private let queue: WriterQueue
  private let catalog: Catalog
  private let reserve: Reserve
  private let state: Mutex<State>
  /// What segments have grown since the start.
  private let grownByteCount = Atomic(0)

  /// Space for what grows before the next look: the indexes of closing segments, and what comes in.
  private var targetByteCount: Int {
    (policy.byteCountMax ?? .max) / RetentionPolicy.segmentDivisor * (RetentionPolicy.segmentDivisor - 1)
  }

  /// - Parameters:
  ///   - latest: when the last entry was received before the start.
  ///   - unremoved: trimmed segments whose files could not be removed at the start.
  init(
    _ configuration: StoreConfiguration, directory: StoreDirectory, queue: WriterQueue, catalog: Catalog,
    latest: Int64?, unremoved: [Segment] = []
  ) {
    self.configuration = configuration
    self.directory = directory
    self.queue = queue
    self.catalog = catalog
    reserve = Reserve(configuration, paths: directory.paths)
    let clock = RetentionClock(latest: latest ?? configuration.now(), elapsed: configuration.elapsed())
    let policy = configuration.retention
    let trimmed = TrimmedFiles(failed: Set(unremoved.map(\.number)))
    state = Mutex(State(policy: policy, clock: clock, streams: StreamRetention(policy), trimmed: trimmed))
  }

  var counts: Counts { state.withLock { $0.counts } }

  private var policy: RetentionPolicy { state.withLock { $0.policy } }

  /// Has the upkeep look from time to time, if there is anything to look after.
  func schedule(_ upkeep: Upkeep) {
    let isFirst = state.withLock { state in
      guard state.policy.isNeeded, !state.isScheduled else { return false }
      state.isScheduled = true
      return true
    }
    if isFirst { upkeep.add(self) }
  }

  /// Another policy counts from now on.
  func apply(_ policy: RetentionPolicy, _ upkeep: Upkeep) {
    let isNew = state.withLock { state in
      guard state.policy != policy else { return false }
      state.policy = policy
      state.generation += 1
      state.streams = StreamRetention(policy)
      (state.trim, state.streamTrim, state.relief) = (nil, nil, DiskRelief())
      if !policy.hasAges { state.counts.isClockDoubted = false }
      return true
    }
    guard isNew else { return }
    schedule(upkeep)
    requestCheck(upkeep)
  }

  /// Takes note of what segments have grown since the start, complete ones as they were before they got their index.
  func noteGrown(_ byteCount: Int) { grownByteCount.store(byteCount, ordering: .relaxed) }

  // MARK: planning, on the upkeep thread

  func run(on upkeep: Upkeep) -> UpkeepOutcome {
    if upkeep.isClosing { return .done }
    plan(upkeep)
    return .again(after: configuration.retentionInterval)
  }

  /// One look more, as soon as possible.
  private struct Check: UpkeepJob {
    let retention: Retention

    func run(on upkeep: Upkeep) -> UpkeepOutcome {
      retention.state.withLock { $0.isCheckRequested = false }
      if !upkeep.isClosing { retention.plan(upkeep) }
      return .done
    }
  }

  private func plan(_ upkeep: Upkeep) {
    do throws(FileError) {
      // One after the other: the next is planned from what this one leaves.
      let (policy, generation) = state.withLock { ($0.policy, $0.generation) }
      let now = policy.hasAges ? believedTime(upkeep) : nil
      if pendingTrim == nil {
        let trim = try makeTrim(now, policy, generation, upkeep)
        state.withLock { state in
          guard let trim, state.generation == generation else { return }
          // One of an earlier policy may have been recorded meanwhile: the mark never moves back.
          guard trim.segments[0].number >= directory.segments.current.trimmedBelow else { return }
          state.trim = trim
          if trim.reason == .disk { state.relief.noteTrim(trim.before, byteCount: trim.byteCount) }
        }
      }
      if pendingStreamTrim == nil, !policy.rules.isEmpty {
        let trim = makeStreamTrim(now, policy, generation, upkeep)
        state.withLock { if $0.generation == generation { $0.streamTrim = trim } }
      }
      if pendingTrim != nil || pendingStreamTrim != nil { queue.requestMaintenance() }
      try noteGrowth(upkeep)
      state.withLock { $0.isFailureNoted = false }
    } catch {
      let isFirst = state.withLock { state in
        defer { state.isFailureNoted = true }
        return !state.isFailureNoted
      }
      if isFirst { upkeep.log(.warn("retention cannot find out what to remove, and tries again: \(error.text)")) }
    }
  }

  private func makeTrim(
    _ now: Int64?, _ policy: RetentionPolicy, _ generation: Int, _ upkeep: Upkeep
  ) throws(FileError) -> Trim? {
    let listing = directory.segments.current
    let candidates = listing.segments.dropLast()
    let (free, all) = try directory.files.space(directory.paths.directory)
    let lacking = max(0, policy.diskFreeMin.byteCount(ofDisk: all) - free)
    if policy.ageMax == nil, policy.byteCountMax == nil {
      noteDisk(isLow: lacking > 0, upkeep)
      return nil
    }
    let sizes = try measure(listing)
    let trimmed = state.withLock { $0.trimmed }
    // What an earlier trim has yet to remove is as good as gone: nothing more goes for it.
    let leavingByteCount = trimmed.leaving.reduce(0) { $0 + (sizes.segments[$1] ?? 0) }
    let missing = max(0, lacking - leavingByteCount)
    var count = 0
    var reason = Trim.Reason.age
    if let ageMax = policy.ageMax, let now {
      count = expiredCount(listing.segments, ageMax: ageMax, now: now, upkeep)
      var streams = state.withLock { $0.streams }
      count = streams.removableCount(of: count, listing, catalog.unsorted, read: SegmentRead(upkeep: upkeep))
      state.withLock { if $0.generation == generation { $0.streams = streams } }
    }
    func freed(_ count: Int) -> Int { candidates.prefix(count).reduce(0) { $0 + (sizes.segments[$1.number] ?? 0) } }
    let countMax = trimmed.isDoubtful ? min(count + 1, candidates.count) : candidates.count
    if policy.byteCountMax != nil, trimmed.canRemove, !trimmed.isDoubtful || trimmed.leaving.isEmpty {
      let byteCount = sizes.byteCount - leavingByteCount + pendingByteCount(listing, sizes)
      while count < countMax, byteCount - freed(count) > targetByteCount { (count, reason) = (count + 1, .size) }
    }
    let look = DiskRelief.Look(free: free, storeByteCount: sizes.byteCount)
    let isDiskTrimmed =
      policy.byteCountMax != nil && trimmed.canRemove
      && (!trimmed.leaving.isEmpty || allowsDiskTrim(look, isNeeded: lacking > 0, upkeep))
    // One at a time: what it frees is seen before the next one goes.
    if isDiskTrimmed, trimmed.leaving.isEmpty, freed(count) < missing, count < countMax {
      (count, reason) = (count + 1, .disk)
    }
    let isLow = freed(isDiskTrimmed ? candidates.count : count) < missing
    noteDisk(isLow: isLow || lacking > 0 && state.withLock { $0.relief.isDoubtful }, upkeep)
    guard count > 0 else { return nil }
    let oldest = listing.segments[count]
    return Trim(
      segments: Array(candidates.prefix(count)), below: oldest.number,
      beginnings: SegmentRead(upkeep: upkeep).beginnings(oldest),
      reason: reason, byteCount: freed(count), before: look)
  }

  /// Whether segments may be removed to free space on the disk.
  private func allowsDiskTrim(_ look: DiskRelief.Look, isNeeded: Bool, _ upkeep: Upkeep) -> Bool {
    let elapsed = configuration.elapsed()
    let (isAllowed, isNew) = state.withLock { state in
      let wasVain = state.relief.isVain
      let isAllowed = state.relief.allowsTrim(look, isNeeded: isNeeded, elapsed: elapsed)
      return (isAllowed, !wasVain && state.relief.isVain)
    }
    if isNew {
      upkeep.log(
        .warn(
          """
          removing the oldest segments frees no space on the disk of \(directory.paths.directory): something else \
          holds their space, such as a backup that links them or a snapshot, or fills the disk. Others go one by one, \
          ever more slowly
          """))
    }
    return isAllowed
  }

  private func makeStreamTrim(
    _ now: Int64?, _ policy: RetentionPolicy, _ generation: Int, _ upkeep: Upkeep
  ) -> StreamTrim? {
    let listing = directory.segments.current
    var streams = state.withLock { $0.streams }
    let trim = streams.plan(
      listing, streamsToPlan(now, policy, listing, upkeep), isTrimming: pendingTrim != nil,
      expiredCount: { ageMax in now.map { expiredCount(listing.segments, ageMax: ageMax, now: $0, upkeep) } },
      read: SegmentRead(upkeep: upkeep))
    state.withLock { if $0.generation == generation { $0.streams = streams } }
    return trim
  }

  /// Those of which something may have to go. Usually only the server's own few have rules, and looking at all others
  /// once a second would be in vain.
  private func streamsToPlan(
    _ now: Int64?, _ policy: RetentionPolicy, _ listing: SegmentListing, _ upkeep: Upkeep
  ) -> [StreamInfo] {
    let isExpired = now.flatMap { now in
      policy.ageMax.map { expiredCount(listing.segments, ageMax: $0, now: now, upkeep) > 0 }
    }
    guard policy.rulesAreForOwnStreams, isExpired != true else { return catalog.unsorted() }
    return catalog.streams(from: "$", beginningWith: "$", limit: .max)
  }

  private func measure(_ listing: SegmentListing) throws(FileError) -> DirectorySize {
    let sizes = try DirectorySize(directory.paths, directory.files)
    let active = listing.active.number
    let pending = pendingByteCount(listing, sizes)
    state.withLock { state in
      state.byteCount = sizes.byteCount
      // Otherwise it is one of the others by now, and `noteComplete` counts it, before or after this.
      guard directory.segments.current.active.number == active else { return }
      state.otherByteCount = sizes.byteCount - (sizes.segments[active] ?? 0) + pending
    }
    return sizes
  }

  /// What is about to be written: the indexes of segments that are being sealed, which pass through their WAL, and the
  /// next segment's files.
  private func pendingByteCount(_ listing: SegmentListing, _ sizes: DirectorySize) -> Int {
    let closing = listing.segments.filter { $0.state == .closing }
    let reserved = max(0, state.withLock { $0.reservedByteCount } - sizes.temporaryByteCount)
    return closing.reduce(nextSegmentByteCount + reserved) { $0 + (sizes.segments[$1.number] ?? 0) / Self.indexDivisor }
  }

  private var nextSegmentByteCount: Int { (policy.byteCountMax ?? 0) / 64 }
  private static let indexDivisor = 4
  /// What the files may grow between two looks.
  private static let slackDivisor = 32

  /// Whether there is room for what is written beside appends. If not, some is being made.
  func hasRoom(_ upkeep: Upkeep) -> Bool {
    if policy.byteCountMax == nil { return true }
    let listing = directory.segments.current
    do throws(FileError) {
      let sizes = try measure(listing)
      let hasRoom = sizes.byteCount + pendingByteCount(listing, sizes) <= targetByteCount
      if !hasRoom { requestCheck(upkeep) }
      return hasRoom
    } catch {
      return true
    }
  }

  /// Sets space aside for a rewrite: what it needs counts as used, until `release`.
  ///
  /// - Returns: whether it is there. If not, retention by size makes it.
  func reserve(_ byteCount: Int, _ upkeep: Upkeep) -> Bool {
    state.withLock { $0.reservedByteCount = byteCount }
    do throws(FileError) {
      let (free, all) = try directory.files.space(directory.paths.directory)
      return free - byteCount >= policy.diskFreeMin.byteCount(ofDisk: all) && hasRoom(upkeep)
    } catch {
      return false
    }
  }

  func release() { state.withLock { $0.reservedByteCount = 0 } }

  /// How long it may take to read both clocks.
  private static let readingDurationMax = Duration.seconds(1)

  private func believedTime(_ upkeep: Upkeep) -> Int64? {
    // In this order: time that passes in between looks like a jump forward for a moment, not like one back, which would
    // be believed.
    var (elapsed, wall): (Int64, Int64)
    repeat {
      elapsed = configuration.elapsed()
      wall = configuration.now()
      // A process that is suspended between the two would take that for a jump.
    } while configuration.elapsed().subtractingClamped(elapsed) > Self.readingDurationMax.nanoseconds
    let (time, line) = state.withLock { state -> (Int64?, LogLine?) in
      let wasDoubted = state.counts.isClockDoubted
      let time = state.clock.look(wall: wall, elapsed: elapsed)
      state.counts.isClockDoubted = time == nil
      return (time, wasDoubted == (time == nil) ? nil : Self.line(state.clock.doubt))
    }
    if let line { upkeep.log(line) }
    return time
  }

  private static func line(_ doubt: RetentionClock.Doubt?) -> LogLine {
    doubt.map { .warn($0.words) } ?? .notice("the system's clock is believed again: entries are trimmed by age")
  }

  /// How many of the oldest segments hold only what was received more than `ageMax` ago.
  ///
  /// A segment was complete when the next one began. A clock that was wrong at one of these times must not make it look
  /// older: the latest of all that are not in the future counts.
  private func expiredCount(_ segments: [Segment], ageMax: Duration, now: Int64, _ upkeep: Upkeep) -> Int {
    var latest = Int64.min
    for index in segments.indices.dropLast() {
      for segment in segments[index...index + 1] {
        if let createdAt = createdAt(segment, upkeep), createdAt <= now { latest = max(latest, createdAt) }
      }
      guard latest > .min, now.subtractingClamped(latest) >= ageMax.nanoseconds else { return index }
    }
    return segments.count - 1
  }

  private func createdAt(_ segment: Segment, _ upkeep: Upkeep) -> Int64? {
    if let createdAt = segment.createdAt { return createdAt }
    segment.createdAt = SegmentRead(upkeep: upkeep).read(segment) { connection throws(SQLiteError) in
      try connection.createdAt()
    }
    return segment.createdAt
  }

  // MARK: the disk

  private func noteGrowth(_ upkeep: Upkeep) throws(FileError) {
    let (free, all) = try directory.files.space(directory.paths.directory)
    let (policy, targetByteCount) = (policy, targetByteCount)
    let freeMin = policy.diskFreeMin.byteCount(ofDisk: all)
    let line = state.withLock { $0.disk.look(free: free, min: freeMin, directory: directory.paths.directory) }
    if let line { upkeep.log(line) }
    let room = free - freeMin
    let (elapsed, byteCount) = (configuration.elapsed(), grownByteCount.load(ordering: .relaxed))
    state.withLock { state in
      state.growth.note(byteCount, elapsed: elapsed)
      state.counts.bytesPerDay = state.growth.bytesPerDay.map { Int(min($0, 1e18)) }
      state.counts.sizeDays = policy.byteCountMax.flatMap { _ in state.growth.days(for: targetByteCount) }
      let isBounded = policy.byteCountMax.map { $0 - state.byteCount <= room } ?? false
      state.counts.diskDaysLeft = isBounded ? nil : state.growth.days(for: room)
    }
  }

  private func noteDisk(isLow: Bool, _ upkeep: Upkeep) {
    let isNew = state.withLock { state in
      defer { state.counts.isDiskLow = isLow }
      return state.counts.isDiskLow != isLow
    }
    guard isNew else { return }
    upkeep.log(
      isLow
        ? .error(
          "appends are refused: less is free on the disk of \(directory.paths.directory) than has to stay free")
        : .notice("enough is free on the disk again: appends are taken"))
  }

  // MARK: for the thread that has the writer

  /// Why nothing may be stored now, if so. Has a look taken when little room is left.
  ///
  /// - Parameter activeByteCount: of the active segment and its WAL.
  func obstacle(to group: WriterQueue.Group, activeByteCount: Int, _ upkeep: Upkeep) -> Refusal? {
    let (policy, otherByteCount, isDiskLow) = state.withLock {
      ($0.policy, $0.otherByteCount, $0.counts.isDiskLow)
    }
    guard policy.isNeeded else { return nil }
    if isDiskLow {
      return Refusal(
        .diskFull,
        """
        the server's disk has too little free space left (its setting disk-min-free); nothing was stored, send it \
        again later
        """, isRetryable: true, retryAfterMilliseconds: 1000)
    }
    guard let byteCountMax = policy.byteCountMax else { return nil }
    // What is stored goes through the WAL into the segment.
    let used = otherByteCount + activeByteCount + group.requests.reduce(0) { $0 + 2 * $1.request.byteCount }
    if used > targetByteCount { requestCheck(upkeep) }
    guard used > byteCountMax - byteCountMax / Self.slackDivisor else { return nil }
    return Refusal(
      .overloaded,
      """
      the server's store is as large as it may be (its setting retention-size), and room is just being made; nothing \
      was stored, send it again
      """, isRetryable: true, retryAfterMilliseconds: 100)
  }

  private func requestCheck(_ upkeep: Upkeep) {
    let isFirst = state.withLock { state in
      defer { state.isCheckRequested = true }
      return !state.isCheckRequested
    }
    if isFirst { upkeep.add(Check(retention: self)) }
  }

  /// A segment is complete: it counts with the others until these are looked at again.
  func noteComplete(byteCount: Int) {
    state.withLock { $0.otherByteCount += byteCount + byteCount / Self.indexDivisor }
  }

  /// The files of trimmed segments were removed, or could not be.
  func noteRemoval(of segments: [Segment], failed: Set<Int64>, _ upkeep: Upkeep) {
    state.withLock { state in
      if !state.trimmed.leaving.isDisjoint(with: failed) { state.relief.noteFailure() }
      state.trimmed.noteRemoval(of: segments.map(\.number), failed: failed)
    }
    requestCheck(upkeep)
  }

  /// What has to be recorded now, until it is published.
  var pendingTrim: Trim? { state.withLock { $0.trim } }
  var pendingStreamTrim: StreamTrim? { state.withLock { $0.streamTrim } }

  /// Frees a little space, for a trim that finds none.
  func giveUpReserve() throws(StoreError) -> Bool { try reserve.giveUp() }

  /// Notes that a trim of single streams is recorded, and has the bytes taken off the disk.
  ///
  /// - Parameter byteCount: what it has removed.
  func finish(_ trim: StreamTrim, byteCount: UInt64, _ upkeep: Upkeep) {
    configuration.log(
      .upkeep(
        """
        trimmed: \(Figures.count(trim.parts.count, "stream", "streams")) of \(trim.rule.pattern), \
        \(byteCount >> 10) KiB, \(trim.reason.ruleWords)
        """))
    state.withLock { state in
      state.streamTrim = nil
      state.counts.byteCounts[trim.reason, default: 0] += Int(clamping: byteCount)
    }
    upkeep.rewriting.request(upkeep)
  }

  /// Tells readers, once a trim is recorded, and has the files removed.
  func publish(_ trim: Trim, _ upkeep: Upkeep) {
    // In this order: a segment that is gone holds nothing that a stream is said to keep.
    if let beginnings = trim.beginnings { catalog.begin(at: beginnings) }
    directory.segments.remove(trim)
    state.withLock { state in
      state.trim = nil
      state.trimmed.noteTrim(trim.segments.map(\.number))
      state.counts.segmentCounts[trim.reason, default: 0] += trim.segments.count
      state.counts.byteCounts[trim.reason, default: 0] += trim.byteCount
    }
    configuration.log(
      .upkeep(
        """
        trimmed: \(Figures.count(trim.segments.count, "segment", "segments")) below \(trim.below), \
        \(trim.byteCount >> 10) KiB, \
        \(trim.reason.words)
        """
      ))
    upkeep.archive.noteTrim(trim)
    upkeep.add(TrimRemoval(segments: trim.segments))
    // It may have been given up.
    upkeep.add(reserve)
  }
}
