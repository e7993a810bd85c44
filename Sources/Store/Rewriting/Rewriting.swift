internal import LogsDisk
internal import LogsSystem
internal import LogsWire
internal import Synchronization

/// Puts in the place of a sealed segment a smaller file that says the same: without entries that are no longer kept,
/// or with small batches put together.
///
/// One segment at a time, a little at a time: first those from which something was removed, then those that were never
/// compacted, oldest first. A crash leaves the old file or the new one, which mean the
/// same to readers; what is unfinished is removed at the next start.
final class Rewriting: UpkeepJob {
  private enum Work: Sendable {
    case preparing
    case copying(SegmentCopy)
    /// The index of another segment may be in the making.
    case copied(SegmentCopy)
    case indexing(SegmentCopy, BlockIndexing)
    case checking(CopyCheck)
    /// No connection to the new file is open any more, which would not survive its renaming.
    case renaming
  }

  /// Why a segment is rewritten.
  private enum Reason: Sendable {
    case removal
    case compaction
  }

  private struct State: Sendable {
    /// Counts what has changed in what is kept.
    var generation = 0
    var requestCount = 0
    var isScheduled = false
    /// What was found of segments from which nothing has to be removed, and the generation in which it was looked for.
    var looked: [Segment.Version: (generation: Int, isCompacted: Bool)] = [:]
    /// Those that cannot be rewritten, or only not for this reason.
    var given: [Segment.Version: Reason] = [:]
    /// Whether something was deleted, which need not wait for a compaction.
    var isHurried = false
    var current: (segment: Segment, reason: Reason, work: Work)?
    var isWaitNoted = false
    var delay: Duration
    var isCompacting: Bool
    var rewrittenCount = 0
    var compactedCount = 0
    var freedByteCount = 0
  }

  private let configuration: StoreConfiguration
  private let catalog: Catalog
  private let state: Mutex<State>

  /// How long it works at once.
  private static let sliceTime = Duration.milliseconds(25)
  /// What it waits for does not come sooner because it is asked for again and again.
  private static let pauseMin = Duration.milliseconds(1)
  /// What was trimmed is worth a rewrite when it is this part of the file.
  private static let trimmedDivisor = 4

  init(_ configuration: StoreConfiguration, catalog: Catalog) {
    self.configuration = configuration
    state = Mutex(State(delay: configuration.rewriteDelay, isCompacting: configuration.upkeepProcessorPercent > 0))
    self.catalog = catalog
  }

  func apply(_ configuration: StoreConfiguration, _ upkeep: Upkeep) {
    let isResumed = state.withLock { state in
      let wasCompacting = state.isCompacting
      state.delay = configuration.rewriteDelay
      state.isCompacting = configuration.upkeepProcessorPercent > 0
      return state.isCompacting && !wasCompacting
    }
    if isResumed { request(upkeep, isChanged: false) }
  }

  /// Since the store was opened.
  struct Counts: Sendable {
    /// Segments rewritten, and of these the ones that were compacted for the first time.
    var rewritten = 0
    var compacted = 0
    var freedByteCount = 0
  }

  var counts: Counts {
    state.withLock {
      Counts(rewritten: $0.rewrittenCount, compacted: $0.compactedCount, freedByteCount: $0.freedByteCount)
    }
  }

  /// How far compaction is: the sealed segments that wait for it, which may not be known of each yet, and the segment
  /// that is rewritten, if there is one.
  func progress(of listing: SegmentListing) -> (waitingCount: Int, current: Int64?) {
    state.withLock { state in
      let waiting = listing.segments.count { segment in
        segment.state == .sealed && state.looked[segment.version]?.isCompacted == false
          && state.given[segment.version] == nil
      }
      return (waiting, state.current?.segment.number)
    }
  }

  /// Has all segments looked at soon: less of them is kept, or one more is sealed.
  ///
  /// - Parameter isHurried: whether a compaction that is under way is given up, if there is something to be removed.
  func request(_ upkeep: Upkeep, isChanged: Bool = true, isHurried: Bool = false) {
    let (isFirst, delay) = state.withLock { state in
      if isChanged { state.generation += 1 }
      if isHurried { state.isHurried = true }
      state.requestCount += 1
      defer { state.isScheduled = true }
      return (!state.isScheduled, state.delay)
    }
    // More deletions may follow at once.
    if isFirst { upkeep.add(self, after: delay) }
  }

  func run(on upkeep: Upkeep) -> UpkeepOutcome {
    if upkeep.isClosing {
      abandon(upkeep)
      return .done
    }
    let requestCount = state.withLock { $0.requestCount }
    do throws(StoreError) {
      if let current = state.withLock({ $0.current }) {
        let start = SystemClock.monotonic()
        if isOvertaken(current, upkeep) { abandon(upkeep) } else { try go(on: current, upkeep) }
        return .again(after: max(Self.pauseMin, upkeep.pause(after: .nanoseconds(SystemClock.monotonic() &- start))))
      }
      if let delay = begin(upkeep) { return .again(after: delay) }
    } catch {
      return failed(error, upkeep)
    }
    let isOver = state.withLock { state in
      let isOver = state.current == nil && state.requestCount == requestCount
      if isOver { state.isScheduled = false }
      return isOver
    }
    return isOver ? .done : .again(after: .zero)
  }

  /// Whether what it works on is not worth it any more, or has to wait for what was deleted from a sealed segment.
  private func isOvertaken(_ current: (segment: Segment, reason: Reason, work: Work), _ upkeep: Upkeep) -> Bool {
    if current.segment.isGone { return true }
    guard current.reason == .compaction else { return false }
    let (isCompacting, isHurried) = state.withLock { ($0.isCompacting, $0.isHurried) }
    if !isCompacting { return true }
    guard isHurried else { return false }
    switch search(upkeep) {
    case .found(_, .removal): return true
    case .found(_, .compaction), .nothing: return false
    case .unfinished:
      state.withLock { $0.isHurried = true }
      return false
    }
  }

  private func failed(_ error: StoreError, _ upkeep: Upkeep) -> UpkeepOutcome {
    guard let (segment, reason, _) = state.withLock({ $0.current }) else {
      preconditionFailure("only work on a segment fails: \(error)")
    }
    abandon(upkeep)
    guard error.code == .diskFull || error.code == .busy else {
      giveUp(segment, reason, error, upkeep)
      return .again(after: .zero)
    }
    upkeep.log(.retry("segment \(segment.number) cannot be rewritten yet: \(error)"))
    return .again(after: upkeep.retryInterval)
  }

  /// Leaves a segment as it is until the next start. What readers find of it is what they found before.
  private func giveUp(_ segment: Segment, _ reason: Reason, _ error: StoreError, _ upkeep: Upkeep) {
    state.withLock { $0.given[segment.version] = reason }
    switch reason {
    case .removal:
      upkeep.log(.error("segment \(segment.number) is not rewritten, and keeps what was removed from it: \(error)"))
    case .compaction: upkeep.log(.warn("segment \(segment.number) is not compacted: \(error)"))
    }
  }

  private func abandon(_ upkeep: Upkeep) {
    guard let current = state.withLock({ $0.current }) else { return }
    state.withLock { $0.current = nil }
    upkeep.endIndexing(current.segment)
    upkeep.retention.release()
    do throws(FileError) {
      try upkeep.directory.files.remove(upkeep.directory.paths.segmentTemporary(current.segment.number))
    } catch {
      // The next start removes it.
      upkeep.log(.warn("what was made of segment \(current.segment.number) cannot be removed: \(error.text)"))
    }
  }

  // MARK: finding something to do

  private enum Search {
    case found(Segment, Reason)
    case unfinished
    case nothing
  }

  /// Begins with a segment that is worth it, if there is one.
  ///
  /// - Returns: when to go on; nil if there is nothing to do.
  private func begin(_ upkeep: Upkeep) -> Duration? {
    let (segment, reason): (Segment, Reason)
    switch search(upkeep) {
    case .found(let found, let why): (segment, reason) = (found, why)
    case .unfinished: return upkeep.pause(after: Self.sliceTime)
    case .nothing:
      finishSearch(upkeep)
      return nil
    }
    guard upkeep.retention.reserve(segment.byteCount, upkeep) else {
      let isFirst = state.withLock { state in
        defer { state.isWaitNoted = true }
        return !state.isWaitNoted
      }
      let kilobytes = segment.byteCount >> 10
      if isFirst {
        upkeep.log(.warn("segment \(segment.number) is not rewritten yet: that needs \(kilobytes) KiB of free space"))
      }
      return upkeep.retryInterval
    }
    state.withLock { state in
      state.isWaitNoted = false
      state.current = (segment, reason, .preparing)
    }
    return .zero
  }

  private func finishSearch(_ upkeep: Upkeep) {
    upkeep.retention.release()
    let versions = Set(upkeep.directory.segments.current.segments.map(\.version))
    state.withLock { state in
      state.looked = state.looked.filter { versions.contains($0.key) }
      state.given = state.given.filter { versions.contains($0.key) }
    }
  }

  /// Looks at segments that it does not know yet, or of which less is kept now.
  private func search(_ upkeep: Upkeep) -> Search {
    let deadline = SystemClock.monotonic() &+ Self.sliceTime.nanoseconds
    state.withLock { $0.isHurried = false }
    var uncompacted: Segment?
    for segment in upkeep.directory.segments.current.segments where segment.state == .sealed {
      let (generation, known, given) = state.withLock { state in
        (state.generation, state.looked[segment.version], state.given[segment.version])
      }
      if given == .removal { continue }
      var isCompacted = known?.isCompacted
      if known?.generation != generation {
        if SystemClock.monotonic() >= deadline { return .unfinished }
        guard let found = look(at: segment, upkeep) else { continue }
        if found.hasRemovable { return .found(segment, .removal) }
        isCompacted = found.isCompacted
        state.withLock { $0.looked[segment.version] = (generation, found.isCompacted) }
      }
      if isCompacted == false, given == nil, uncompacted == nil { uncompacted = segment }
    }
    guard let uncompacted, state.withLock({ $0.isCompacting }) else { return .nothing }
    return .found(uncompacted, .compaction)
  }

  /// Whether enough can be removed from a segment, and whether it was compacted; nil if it cannot be read.
  private func look(at segment: Segment, _ upkeep: Upkeep) -> (hasRemovable: Bool, isCompacted: Bool)? {
    do throws(SQLiteError) {
      let database = try Database(segment.path, mode: .immutable, vfs: configuration.vfs)
      let removable = try RemovableBytes(of: database, catalog)
      return (
        removable.deleted > 0 || removable.trimmed > segment.byteCount / Self.trimmedDivisor,
        try SegmentSchema.isCompacted(database)
      )
    } catch {
      state.withLock { $0.given[segment.version] = .removal }
      let reason = StoreError(error, while: "read")
      upkeep.log(.warn("segment \(segment.number) is not looked at for what to rewrite: \(reason)"))
      return nil
    }
  }

  // MARK: working on it

  private func copy(of segment: Segment, _ reason: Reason, _ upkeep: Upkeep) throws(StoreError) -> SegmentCopy {
    let path = upkeep.directory.paths.segmentTemporary(segment.number)
    do throws(FileError) {
      try upkeep.directory.files.remove(path)
      try upkeep.directory.files.write(path, [])
    } catch {
      throw StoreError(error, while: "make")
    }
    do throws(SQLiteError) {
      return try SegmentCopy(
        of: segment, at: path, catalog, isCompacting: reason == .compaction, configuration)
    } catch {
      throw StoreError(error, while: "rewrite")
    }
  }

  private func go(on current: (segment: Segment, reason: Reason, work: Work), _ upkeep: Upkeep) throws(StoreError) {
    let (segment, reason, work) = current
    let deadline = SystemClock.monotonic() &+ Self.sliceTime.nanoseconds
    var next: Work?
    switch work {
    case .preparing: next = .copying(try copy(of: segment, reason, upkeep))
    case .renaming: return try finish(segment, reason, upkeep)
    case .copying, .copied, .indexing, .checking: break
    }
    do throws(SQLiteError) {
      switch work {
      case .preparing, .renaming: break
      case .copying(let copy):
        if try copy.copyRows(until: deadline) { next = .copied(copy) }
      case .copied(let copy):
        // What an index is made from takes memory.
        if upkeep.beginIndexing(segment) { next = .indexing(copy, try BlockIndexing(copy)) }
      case .indexing(let copy, let indexing):
        switch try indexing.work(for: Self.sliceTime) {
        case .unfinished: break
        case .impossible(let reason):
          upkeep.noteNoIndex(of: segment, reason)
          next = try check(copy, of: segment)
        case .done: next = try check(copy, of: segment)
        }
        if next != nil { upkeep.endIndexing(segment) }
      case .checking(let check):
        if try check.compare(until: deadline) { next = .renaming }
      }
    } catch {
      throw StoreError(error, while: "rewrite")
    }
    if let next { state.withLock { $0.current = (segment, reason, next) } }
  }

  /// Opens the new file anew, to be read.
  private func check(_ copy: SegmentCopy, of segment: Segment) throws(SQLiteError) -> Work {
    .checking(try CopyCheck(segment, copy.path, copy.streams, vfs: configuration.vfs))
  }

  private func finish(_ segment: Segment, _ reason: Reason, _ upkeep: Upkeep) throws(StoreError) {
    let (files, paths) = (upkeep.directory.files, upkeep.directory.paths)
    let path = paths.segmentTemporary(segment.number)
    var result: Result<Segment, FileError>?
    do throws(FileError) {
      try files.synchronize(file: path)
      let byteCount = try files.byteCount(path) ?? 0
      // Reads of the segment wait meanwhile.
      upkeep.pool.withoutConnections(to: segment) {
        if segment.isGone { return }
        do throws(FileError) {
          try files.rename(path, to: segment.path)
          let rewritten = segment.rewritten(byteCount: byteCount)
          upkeep.directory.segments.replace(segment, with: rewritten)
          result = .success(rewritten)
        } catch {
          result = .failure(error)
        }
      }
      guard try result?.get() != nil else { return abandon(upkeep) }
      upkeep.endIndexing(segment)
      upkeep.retention.release()
      state.withLock { state in
        state.current = nil
        state.rewrittenCount += 1
        if reason == .compaction { state.compactedCount += 1 }
        state.freedByteCount += max(0, segment.byteCount - byteCount)
      }
      upkeep.log(
        .upkeep(
          "segment \(segment.number) is \(reason == .compaction ? "compacted" : "rewritten"): "
            + "\(segment.byteCount >> 10) KiB before, \(byteCount >> 10) KiB now"))
    } catch {
      throw StoreError(error, while: "rewrite")
    }
    // Either file may have the name after a crash now.
    do throws(FileError) { try files.synchronize(directory: paths.segments) } catch {
      upkeep.failed(StoreError(failedSync: error, while: "rewrite"))
    }
  }
}
