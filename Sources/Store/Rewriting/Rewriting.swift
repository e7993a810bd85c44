internal import LogsDisk
internal import LogsSystem
internal import LogsWire
internal import Synchronization

/// Takes entries that are no longer kept off the disk, without those around them: puts in the place of a sealed segment
/// a file without them.
///
/// One segment at a time, oldest first, a little at a time. A crash leaves the old file or the new one, which mean the
/// same to readers; what is unfinished is removed at the next start.
final class Rewriting: UpkeepJob {
  private enum Work: Sendable {
    case preparing
    case copying(SegmentCopy)
    case indexing(SegmentCopy, BlockIndexing)
    case checking(CopyCheck)
    /// No connection to the new file is open any more, which would not survive its renaming.
    case renaming
  }

  private struct State: Sendable {
    /// Counts what has changed in what is kept.
    var generation = 0
    var requestCount = 0
    var isScheduled = false
    /// The generation of which a segment has nothing left to be removed.
    var settled: [Segment.Version: Int] = [:]
    /// Those that cannot be rewritten, since they are damaged.
    var given: Set<Segment.Version> = []
    var current: (segment: Segment, work: Work)?
    var isWaitNoted = false
    var delay: Duration
    var rewrittenCount = 0
    var freedByteCount = 0
  }

  private let configuration: StoreConfiguration
  private let catalog: Catalog
  private let state: Mutex<State>

  /// How long it works at once, and how long others have the processor in between.
  private static let sliceTime = Duration.milliseconds(25)
  private static let pause = Duration.milliseconds(15)
  /// What was trimmed is worth a rewrite when it is this part of the file.
  private static let trimmedDivisor = 4

  init(_ configuration: StoreConfiguration, catalog: Catalog) {
    self.configuration = configuration
    state = Mutex(State(delay: configuration.rewriteDelay))
    self.catalog = catalog
  }

  func apply(_ configuration: StoreConfiguration) { state.withLock { $0.delay = configuration.rewriteDelay } }

  /// Segments rewritten since the store was opened, and the bytes that this has freed.
  var counts: (segmentCount: Int, byteCount: Int) { state.withLock { ($0.rewrittenCount, $0.freedByteCount) } }

  /// Has all segments looked at soon: less of them is kept, or one more is sealed.
  func request(_ upkeep: Upkeep, isChanged: Bool = true) {
    let (isFirst, delay) = state.withLock { state in
      if isChanged { state.generation += 1 }
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
        if current.segment.isGone { abandon(upkeep) } else { try go(on: current.segment, current.work, upkeep) }
        return .again(after: Self.pause)
      }
      guard begin(upkeep) else { return .again(after: upkeep.retryInterval) }
    } catch {
      return failed(error, upkeep)
    }
    let isOver = state.withLock { state in
      let isOver = state.current == nil && state.requestCount == requestCount
      if isOver { state.isScheduled = false }
      return isOver
    }
    return isOver ? .done : .again(after: Self.pause)
  }

  private func failed(_ error: StoreError, _ upkeep: Upkeep) -> UpkeepOutcome {
    guard let segment = state.withLock({ $0.current?.segment }) else {
      preconditionFailure("only work on a segment fails: \(error)")
    }
    abandon(upkeep)
    guard error.code == .diskFull || error.code == .busy else {
      giveUp(segment, error, upkeep)
      return .again(after: Self.pause)
    }
    upkeep.log(.retry("segment \(segment.number) cannot be rewritten yet: \(error)"))
    return .again(after: upkeep.retryInterval)
  }

  /// Leaves a segment as it is until the next start. What readers find of it is what they found before.
  private func giveUp(_ segment: Segment, _ error: StoreError, _ upkeep: Upkeep) {
    state.withLock { _ = $0.given.insert(segment.version) }
    upkeep.log(.error("segment \(segment.number) is not rewritten, and keeps what was removed from it: \(error)"))
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

  /// Begins with the first segment that is worth it, if there is one.
  ///
  /// - Returns: false if it has to wait for space.
  private func begin(_ upkeep: Upkeep) -> Bool {
    for segment in upkeep.directory.segments.current.segments where segment.state == .sealed {
      let generation = state.withLock { state -> Int? in
        let isSettled = state.settled[segment.version] == state.generation || state.given.contains(segment.version)
        return isSettled ? nil : state.generation
      }
      guard let generation else { continue }
      guard isWorthIt(segment, upkeep) else {
        state.withLock { $0.settled[segment.version] = generation }
        continue
      }
      guard upkeep.retention.reserve(segment.byteCount, upkeep) else {
        let isFirst = state.withLock { state in
          defer { state.isWaitNoted = true }
          return !state.isWaitNoted
        }
        if isFirst {
          upkeep.log(
            .warn(
              "segment \(segment.number) is not rewritten yet: that needs \(segment.byteCount >> 10) KiB of free space")
          )
        }
        return false
      }
      // What an index is made from takes memory.
      guard upkeep.beginIndexing(segment) else {
        upkeep.retention.release()
        return false
      }
      state.withLock { state in
        state.isWaitNoted = false
        state.current = (segment, .preparing)
      }
      return true
    }
    upkeep.retention.release()
    let versions = Set(upkeep.directory.segments.current.segments.map(\.version))
    state.withLock { state in
      state.settled = state.settled.filter { versions.contains($0.key) }
      state.given.formIntersection(versions)
    }
    return true
  }

  private func isWorthIt(_ segment: Segment, _ upkeep: Upkeep) -> Bool {
    do throws(SQLiteError) {
      let database = try Database(segment.path, mode: .immutable, vfs: configuration.vfs)
      let removable = try RemovableBytes(of: database, catalog)
      return removable.deleted > 0 || removable.trimmed > segment.byteCount / Self.trimmedDivisor
    } catch {
      giveUp(segment, StoreError(error, while: "read"), upkeep)
      return false
    }
  }

  // MARK: working on it

  private func copy(of segment: Segment, _ upkeep: Upkeep) throws(StoreError) -> SegmentCopy {
    let path = upkeep.directory.paths.segmentTemporary(segment.number)
    do throws(FileError) {
      try upkeep.directory.files.remove(path)
      try upkeep.directory.files.write(path, [])
    } catch {
      throw StoreError(error, while: "make")
    }
    do throws(SQLiteError) {
      return try SegmentCopy(of: segment, at: path, catalog, vfs: configuration.vfs)
    } catch {
      throw StoreError(error, while: "rewrite")
    }
  }

  private func go(on segment: Segment, _ work: Work, _ upkeep: Upkeep) throws(StoreError) {
    let deadline = SystemClock.monotonic() &+ Self.sliceTime.nanoseconds
    var next: Work?
    switch work {
    case .preparing: next = .copying(try copy(of: segment, upkeep))
    case .renaming: return try finish(segment, upkeep)
    case .copying, .indexing, .checking: break
    }
    do throws(SQLiteError) {
      switch work {
      case .preparing, .renaming: break
      case .copying(let copy):
        if try copy.copyRows(until: deadline) { next = .indexing(copy, try BlockIndexing(copy)) }
      case .indexing(let copy, let indexing):
        switch try indexing.work(for: Self.sliceTime) {
        case .unfinished: break
        case .impossible(let reason):
          upkeep.log(.upkeep("segment \(segment.number) gets no index: \(reason)"))
          next = try check(copy, of: segment)
        case .done: next = try check(copy, of: segment)
        }
      case .checking(let check):
        if try check.compare(until: deadline) { next = .renaming }
      }
    } catch {
      throw StoreError(error, while: "rewrite")
    }
    if let next { state.withLock { $0.current = (segment, next) } }
  }

  /// Opens the new file anew, to be read.
  private func check(_ copy: SegmentCopy, of segment: Segment) throws(SQLiteError) -> Work {
    .checking(try CopyCheck(segment, copy.path, copy.streams, vfs: configuration.vfs))
  }

  private func finish(_ segment: Segment, _ upkeep: Upkeep) throws(StoreError) {
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
        state.freedByteCount += max(0, segment.byteCount - byteCount)
      }
      upkeep.log(
        .upkeep(
          "segment \(segment.number) is rewritten: \(segment.byteCount >> 10) KiB before, \(byteCount >> 10) KiB now"))
    } catch {
      throw StoreError(error, while: "rewrite")
    }
    // Either file may have the name after a crash now.
    do throws(FileError) { try files.synchronize(directory: paths.segments) } catch {
      upkeep.failed(StoreError(failedSync: error, while: "rewrite"))
    }
  }
}
