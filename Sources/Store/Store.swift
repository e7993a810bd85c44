internal import LogsSystem
package import LogsWire
internal import Synchronization

/// The streams of one data directory: appends in, committed groups out, and reads of all that is kept.
///
/// Threads: one that commits what callers of `commitQueued` do not, one that applies what went into the journal, some
/// that read, one for upkeep, and after an unclean stop one that checks. Any method may be called from any thread.
/// `close` has to be called before the last reference is dropped.
package final class Store: Sendable {
  private let configuration: StoreConfiguration
  let queue: WriterQueue
  let catalog: Catalog
  private let directory: StoreDirectory
  private let pool: ConnectionPool
  private let tail: TailCache
  private let reader: Reader
  private let readers: ReaderThreads
  /// Searching stored entries is more work than everything else that readers do: appends and followers go first.
  private let searchers: ReaderThreads
  private let upkeep: Upkeep
  private let rollover: SegmentRollover
  private let retention: Retention
  private let rewriting: Rewriting
  let archive: SegmentArchive
  private let check: BackgroundCheck
  private let failStop: FailStop
  private let searches: Searches
  private let missingSegmentCount: Int
  package let start: StoreStart
  /// What `close` takes apart.
  private let running: Mutex<Running?>

  private struct Running: Sendable {
    var lock: FileLock
    var writer: Writer
    var writerThread: Thread
    var applierThread: Thread?
  }

  /// Opens a data directory, or creates one.
  ///
  /// - Throws: `locked` when another process has it; `notAStore`, `missingSegment` or `damaged` when it must not be
  ///   written to as it is.
  package static func open(_ configuration: StoreConfiguration, sink: any StoreSink) throws(StoreError) -> Store {
    let configuration = configuration.fittedToRetention
    let paths = StorePaths(directory: configuration.directory)
    let lock = try StoreDirectory.lock(configuration, paths)
    return try Store(configuration, try Recovery(configuration, paths: paths).run(), lock, sink)
  }

  private init(
    _ configuration: StoreConfiguration, _ found: Recovery.Result, _ lock: FileLock, _ sink: any StoreSink
  ) throws(StoreError) {
    self.configuration = configuration
    directory = found.directory
    missingSegmentCount = found.missingCount
    start = found.isNew ? .new : found.needsCheck ? .unclean : .clean
    catalog = Catalog(newestID: found.nextStreamID - 1)
    catalog.publish(found.streams)
    let queue = WriterQueue(configuration, catalog: catalog)
    self.queue = queue
    tail = TailCache(configuration)
    let failStop = FailStop(sink, queue)
    self.failStop = failStop
    let failed: @Sendable (StoreError) -> Void = { failStop.report($0) }
    let reserve = Reserve(configuration, paths: directory.paths)
    let applier = found.journal.map { journal in
      Applier(
        configuration, log: journal, id: journal.header.id, ringByteCount: journal.header.ringByteCount,
        active: found.active, queue: queue, makeRoom: { reserve.giveUpIfThere() }, failed: failed)
    }
    pool = ConnectionPool(configuration, applier: applier)
    reader = Reader(
      catalog: catalog, segments: directory.segments, pool: pool, tail: tail, files: configuration.fileSystem,
      readTimeMax: configuration.readTimeMax, damaged: failed, log: configuration.log)
    // Before any thread runs: a mark that is looked up must be complete.
    let replay = try MarkReplay(active: found.active, catalog: catalog, reader: reader).run()
    queue.adopt(replay.marks, batchCount: replay.batchCount)
    readers = ReaderThreads("store-read", count: configuration.readerThreadCount)
    searchers = ReaderThreads("store-search", count: configuration.readerThreadCount, priority: .low)
    searches = Searches(reader: reader, threads: readers)
    retention = Retention(
      configuration, directory: directory, queue: queue, catalog: catalog, latest: found.latestReceived,
      unremoved: found.unremoved)
    rewriting = Rewriting(configuration, catalog: catalog)
    archive = SegmentArchive(configuration, directory: directory, pool: pool, catalog: catalog)
    upkeep = Upkeep(
      configuration, directory: directory, pool: pool, retention: retention, rewriting: rewriting, archive: archive,
      failed: failed)
    archive.start(latest: found.latestReceived)
    rewriting.request(upkeep)
    for complete in found.closing { upkeep.add(Sealing(complete)) }
    upkeep.add(TrimRemoval(segments: found.unremoved))
    upkeep.add(reserve)
    retention.schedule(upkeep)
    rollover = SegmentRollover(configuration, directory: directory, queue: queue, catalog: catalog)
    // As they are before the writer begins.
    let (listing, lastRow) = (directory.segments.current, found.active.lastRow)
    let writer = Writer(
      configuration, sink: sink, queue: queue, catalog: catalog, tail: tail, rollover: rollover, upkeep: upkeep,
      retention: retention, active: found.active, applier: applier,
      lastReceived: found.streams.map(\.lastReceived).max() ?? 0)
    let writerThread = Thread("store-write") {
      do throws(StoreError) {
        try writer.run()
      } catch {
        failed(error)
      }
    }
    let applierThread = applier.map { applier in Thread("store-apply") { applier.run() } }
    running = Mutex(
      Running(lock: lock, writer: writer, writerThread: writerThread, applierThread: applierThread))
    check = BackgroundCheck(reader, listing, lastRow: lastRow, isNeeded: found.needsCheck)
  }

  /// Takes over what can change while the store is open: retention, when segments end, how many streams there may be,
  /// and when deleted entries leave the disk.
  package func apply(_ configuration: StoreConfiguration) {
    let configuration = configuration.fittedToRetention
    rollover.apply(configuration)
    upkeep.apply(configuration)
    rewriting.apply(configuration, upkeep)
    retention.apply(configuration.retention, upkeep)
    archive.apply(configuration)
    running.withLock { $0?.writer.streamCountMax.store(configuration.streamCountMax, ordering: .relaxed) }
  }

  /// The store's identity, drawn when the directory was made.
  package var id: InstanceID { directory.id }

  // MARK: writing

  /// Puts a request into the writer's queue. `commitQueued` has to follow soon. Never blocks; the sink receives the
  /// outcome.
  ///
  /// - Returns: nil when it was accepted, else the refusal.
  package func enqueue(_ request: WriteRequest) -> Refusal? {
    switch queue.enqueue(request) {
    case .queued: return nil
    case .refused(let refusal): return refusal
    case .needsMark(let key):
      // Before all reads: a producer's appends wait for it.
      let isTaken = readers.add(isUrgent: true) { [queue, reader, catalog] in
        do throws(StoreError) {
          let stream = catalog[key.stream]
          queue.resolve(key, try reader.mark(of: key, on: stream), of: stream?.id)
        } catch {
          // Without its mark a batch could be stored twice.
          queue.reject(key, Self.unreadable(error))
        }
      }
      // If it was not taken, the store has failed and was closed in between: what was parked has been answered.
      precondition(isTaken || failStop.hasFailed, "readers end after the writer, which waits for what is parked")
      return nil
    }
  }

  /// Commits what is queued: on the caller's thread, which then waits for the disk, if it is little, the disk is fast
  /// and no other thread is committing; otherwise on the writer's thread.
  ///
  /// The sink is called before this returns for what is committed here.
  package func commitQueued() {
    let writer = running.withLock { $0?.writer }
    writer?.lead { failStop.report($0) }
  }

  private static func unreadable(_ error: StoreError) -> Refusal {
    Refusal(
      .storageFailed, "the server cannot tell whether this batch is stored: \(error.message)", isRetryable: true,
      retryAfterMilliseconds: 1000)
  }

  // MARK: sealing

  /// Has the active segment end now, unless it is empty, so that everything stored so far gets sealed.
  package func seal() {
    rollover.request(directory.segments.current.active.number)
    queue.requestMaintenance()
  }

  /// The segments that still have to be sealed: complete ones, and the active one once `seal` has been called and until
  /// it is complete or turns out to be empty.
  package var unsealedSegments: [Int64] {
    // In this order: a segment that no request waits for any more is complete.
    let pending = rollover.pendingRequest
    var numbers = directory.segments.current.segments.filter { $0.state == .closing }.map(\.number)
    if let pending, !numbers.contains(pending) { numbers.append(pending) }
    return numbers
  }

  // MARK: streams

  package func stream(named name: StreamName) -> StreamInfo? { catalog[name] }

  /// The highest stream id so far; later streams have higher ones.
  package var newestStreamID: Int64 { catalog.newestID }

  /// The first `limit` streams, by name, whose names begin with `prefix` and are not before `text`.
  package func streams(from text: String, beginningWith prefix: String = "", limit: Int) -> [StreamInfo] {
    catalog.streams(from: text, beginningWith: prefix, limit: limit)
  }

  /// The first `limit` streams with ids above `id`, in the order in which they were created.
  package func streams(bornAfter id: Int64, limit: Int) -> [StreamInfo] { catalog.streams(bornAfter: id, limit: limit) }

  // MARK: reading

  /// What memory holds of a range, from any thread; nil if its first number (in reverse its last) is not in memory.
  package func readCached(_ request: ReadRequest) -> ReadResult? { reader.readCached(request) }

  /// Whether `readCached` would answer.
  package func isCached(_ request: ReadRequest) -> Bool { reader.isCached(request) }

  /// Reads ranges in order on a reader thread, or on a searcher's if one takes searching, and calls `then` there
  /// with the first result and as many others as bytes and time allow. A range that cannot be read is the last.
  ///
  /// - Parameter cancellation: if it is cancelled before a thread is free, nothing is read and `then` gets `closed`.
  ///   Once it is cancelled, or an append waits for a look-up, no further range is started.
  package func read(
    _ requests: [ReadRequest], cancellation: CancellationToken = CancellationToken(),
    then: @escaping @Sendable ([Result<ReadResult, StoreError>]) -> Void
  ) {
    let threads = requests.contains(where: reader.isSearch) ? searchers : readers
    perform(on: threads, cancellation, { then([.failure($0)]) }) { reader in
      then(
        reader.read(requests, isCancelled: { cancellation.isCancelled }) {
          !cancellation.isCancelled && !threads.isUrgentWaiting
        })
    }
  }

  /// Finds the first number that is kept of a stream and whose entry has this time or a later one; one above the head
  /// if there is none.
  ///
  /// - Parameter cancellation: when it is cancelled, or the store closes, the search ends and `then` gets `closed`.
  package func findSequence(
    stream: Int64, atOrAfter time: Int64, cancellation: CancellationToken = CancellationToken(),
    then: @escaping @Sendable (Result<UInt64, StoreError>) -> Void
  ) {
    let info = catalog[stream]
    let head = info?.head ?? 0
    search(stream, .atOrAfter(time), from: info?.first ?? 1, to: head, cancellation) { then($0.map { $0 ?? head + 1 }) }
  }

  /// Finds the last number within `bounds` whose entry has this time or an earlier one; nil when there is none.
  ///
  /// - Parameter cancellation: as above.
  package func findSequence(
    stream: Int64, atOrBefore time: Int64, in bounds: ClosedRange<UInt64>,
    cancellation: CancellationToken = CancellationToken(),
    then: @escaping @Sendable (Result<UInt64?, StoreError>) -> Void
  ) {
    let head = catalog[stream]?.head ?? 0
    let last = min(bounds.upperBound, head)
    search(
      stream, .atOrBefore(time), from: max(bounds.lowerBound, catalog[stream]?.first ?? 1), to: last, cancellation, then
    )
  }

  /// Finds the dictionary of a stream in one of the last segments; nil if they have none.
  package func findDictionary(
    stream: Int64, then: @escaping @Sendable (Result<StreamDictionary?, StoreError>) -> Void
  ) {
    perform(on: readers, CancellationToken(), { then(.failure($0)) }) { reader in
      do throws(StoreError) { then(.success(try reader.dictionary(of: stream))) } catch { then(.failure(error)) }
    }
  }

  private func search(
    _ stream: Int64, _ kind: TimeSearch.Kind, from first: UInt64, to last: UInt64, _ cancellation: CancellationToken,
    _ then: @escaping @Sendable (Result<UInt64?, StoreError>) -> Void
  ) {
    let search = TimeSearch(stream: stream, kind: kind, rest: first <= last ? first...last : nil)
    searches.run(search, cancellation: cancellation, then: then)
  }

  /// Calls `body` on one of `threads`, or else `refused`.
  private func perform(
    on threads: ReaderThreads,
    _ cancellation: CancellationToken, _ refused: @escaping @Sendable (StoreError) -> Void,
    _ body: @escaping @Sendable (Reader) -> Void
  ) {
    let isTaken = threads.add { [reader] in
      if cancellation.isCancelled { refused(.unwanted) } else { body(reader) }
    }
    if !isTaken { refused(.isClosed) }
  }

  // MARK: the end

  /// Commits what is queued, ends all threads, and leaves the directory clean. Later calls do nothing.
  package func close() {
    guard let running = running.withLock({ $0.take() }) else { return }
    searches.all.cancel()
    queue.close(
      Refusal(.goingAway, "the server is stopping; send it again once it is back", isRetryable: true))
    running.writerThread.join()
    check.close()
    readers.close()
    searchers.close()
    archive.close()
    upkeep.close()
    pool.closeIdle()
    finish(running)
  }

  private func finish(_ running: consuming Running) {
    defer {
      running.writer.applier?.close()
      running.applierThread?.join()
      running.writer.applier?.release()
    }
    guard !failStop.hasFailed else { return }
    do throws(StoreError) {
      try running.writer.close()
      try directory.markClean()
    } catch {
      configuration.log(
        .error(
          """
          everything acknowledged is on disk, but the data directory could not be marked as closed: \(error). The \
          next start works as after a crash: it checks what was stored last before it is ready, and the rest in the \
          background
          """))
    }
  }

  package var statistics: StoreStatistics {
    let listing = directory.segments.current
    var statistics = StoreStatistics()
    statistics.streamCount = catalog.count
    statistics.segmentCount = listing.segments.count
    statistics.sealedSegmentCount = listing.segments.count { $0.state == .sealed }
    statistics.damagedSegmentCount = listing.segments.count(where: \.isDamageNoted)
    statistics.missingSegmentCount = missingSegmentCount
    (statistics.queueByteCount, statistics.queueBatchCount) = queue.load
    statistics.tailCacheByteCount = tail.byteCount
    let trimmed = retention.counts
    statistics.trimmedSegmentCount = trimmed.segmentCounts.values.reduce(0, +)
    statistics.trimmedByteCountByAge = trimmed.byteCounts[.age] ?? 0
    statistics.trimmedByteCountBySize = (trimmed.byteCounts[.size] ?? 0) + (trimmed.byteCounts[.disk] ?? 0)
    statistics.bytesPerDay = trimmed.bytesPerDay
    statistics.diskDaysLeft = trimmed.diskDaysLeft
    statistics.sizeDays = trimmed.sizeDays
    statistics.isDiskLow = trimmed.isDiskLow
    statistics.isClockDoubted = trimmed.isClockDoubted
    let rewritten = rewriting.counts
    statistics.rewrittenSegmentCount = rewritten.rewritten
    statistics.compactedSegmentCount = rewritten.compacted
    statistics.rewriteFreedByteCount = rewritten.freedByteCount
    (statistics.uncompactedSegmentCount, statistics.rewritingSegment) = rewriting.progress(of: listing)
    statistics.archive = archive.counts
    (statistics.check, statistics.checkedSegmentCount) = check.progress
    statistics.unappliedByteCount = running.withLock { $0?.writer.applier }?.unappliedByteCount ?? 0
    if let checkpoints = running.withLock({ $0?.writer.checkpointer.counts }) {
      statistics.checkpointCount = checkpoints.count
      statistics.checkpointTime = .nanoseconds(checkpoints.time)
    }
    if let counts = running.withLock({ $0?.writer.counts.withLock { $0 } }) {
      statistics.commitCount = counts.commitCount
      statistics.batchCount = counts.batchCount
      statistics.entryCount = counts.entryCount
      let now = SystemClock.monotonic()
      statistics.entryCountOfLastMinute = counts.recentEntries.count(at: now)
      statistics.entryCountOfLastSecond = counts.recentEntries.countOfLastSecond(at: now)
      statistics.duplicateCount = counts.duplicateCount
      statistics.refusalCount = counts.refusalCount
      statistics.diskFullCount = counts.diskFullCount
      statistics.commitTime = .nanoseconds(counts.commitTime)
      statistics.commitTimeMax = .nanoseconds(counts.commitTimeMax)
      statistics.commitTimes = counts.commitTimes
      statistics.syncTimes = counts.syncTimes
      statistics.walByteCount = counts.walByteCount
      statistics.byteCount =
        listing.segments.dropLast().reduce(0) { $0 + $1.byteCount } + counts.activeByteCount + counts.walByteCount
    }
    return statistics
  }
}
