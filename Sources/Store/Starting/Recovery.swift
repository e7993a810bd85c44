internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// Finds out what a data directory holds and repairs it after a crash: the part of the start before any thread runs.
struct Recovery {
  /// What the store starts with.
  struct Result {
    var directory: StoreDirectory
    var active: SegmentWriter
    /// What is in front of it, if anything.
    var journal: CommitJournal?
    var streams: [StreamInfo]
    /// No stream has had this id or a higher one.
    var nextStreamID: Int64
    /// When the last entry was received, by the clock as it was then; if there is none in the active segment, when that
    /// began. Nil in a new store.
    var latestReceived: Int64?
    /// Complete segments that have yet to be sealed.
    var closing: [SegmentWriter]
    /// Numbers whose file is missing although retention did not remove it.
    var missingCount: Int
    /// Trimmed segments whose files cannot be removed now.
    var unremoved: [Segment] = []
    /// Whether everything has to be checked, because the last stop was not clean.
    var needsCheck: Bool
    /// Whether nothing was there.
    var isNew = false
  }

  private let configuration: StoreConfiguration
  private let paths: StorePaths
  private var files: any FileSystem { configuration.fileSystem }

  /// How much of what was written last is checked before the store is ready after an unclean stop.
  private static let checkedByteCountMax: UInt64 = 16 << 20

  init(_ configuration: StoreConfiguration, paths: StorePaths) {
    self.configuration = configuration
    self.paths = paths
  }

  /// A start on a full disk needs as little space as possible; the reserve has kept what it does need.
  ///
  /// Whatever an attempt has done, another one may follow it, as after a crash.
  func run() throws(StoreError) -> Result {
    do throws(StoreError) {
      return try attempt()
    } catch {
      guard error.code == .diskFull, try Reserve(configuration, paths: paths).giveUp() else { throw error }
      return try attempt()
    }
  }

  private func attempt() throws(StoreError) -> Result {
    let names = try segmentNames()
    guard var storeFile = try StoreFile.load(paths, files) else {
      if !names.isEmpty {
        throw StoreError(
          .notAStore,
          """
          \(paths.store) is missing, but there are segments in \(paths.segments); \
          restore it from a backup of the data directory, or choose another directory
          """)
      }
      return try create()
    }
    let wasClean = storeFile.isClean
    let isCopy = try isCopy(storeFile)
    try removeLeftovers(newest: storeFile.newest, names)
    if storeFile.newest == 0 { return try createFirstSegment(storeFile) }

    let segment = Segment(number: storeFile.newest, path: paths.segment(storeFile.newest), state: .active)
    guard names.contains(StorePaths.fileName(segment.number)) else {
      throw StoreError(
        .missingSegment,
        """
        \(segment.path), the newest segment, is missing; put it back or restore the data directory from a backup. \
        To go on without it, which loses what it holds, move the whole directory away
        """)
    }
    if !wasClean { try checkWAL(segment) }
    let (active, trimmedBelow) = try open(segment, storeFile)
    let unremoved = removeTrimmed(below: trimmedBelow, names)
    let journal = try journal(storeFile.id, active, wasClean: wasClean)
    let isGivenUp = journal.isGivenUp
    var (streams, nextStreamID, latestReceived) = try streams(of: active, checksLast: !wasClean)
    if isCopy || isGivenUp, !streams.isEmpty {
      streams = try replaceIncarnations(streams, active, isCopy: isCopy)
    }
    var (listing, closing, missingCount) = try older(than: segment.number, of: storeFile.id, trimmedBelow, names)
    listing.segments.append(segment)
    if let oldest = listing.segments.first, oldest.number == trimmedBelow, oldest.number > 1 {
      try setFirsts(&streams, oldest)
    }
    if wasClean || isCopy {
      storeFile.isClean = false
      try storeFile.save(paths, files)
    }
    return Result(
      directory: StoreDirectory(configuration, paths, storeFile, listing), active: active, journal: journal.journal,
      streams: streams, nextStreamID: nextStreamID, latestReceived: latestReceived, closing: closing,
      missingCount: missingCount, unremoved: unremoved,
      needsCheck: !wasClean)
  }

  // MARK: a new store

  private func create() throws(StoreError) -> Result {
    let storeFile = StoreFile(id: .random(), newest: 0, isClean: false)
    try storeFile.save(paths, files)
    return try createFirstSegment(storeFile)
  }

  private func createFirstSegment(_ storeFile: StoreFile) throws(StoreError) -> Result {
    var storeFile = storeFile
    storeFile.isClean = false
    let directory = StoreDirectory(configuration, paths, storeFile, SegmentListing())
    let content = NextSegment.Content(
      createdAt: configuration.now(), trimmedBelow: 1, nextStreamID: 1, streams: [], marks: [])
    let active = try directory.begin(try directory.prepareSegment(1, content))
    return Result(
      directory: directory, active: active, journal: try journal(storeFile.id, active, wasClean: true).journal,
      streams: [],
      nextStreamID: 1, latestReceived: nil, closing: [], missingCount: 0, needsCheck: false, isNew: true)
  }

  private func journal(
    _ store: InstanceID, _ active: SegmentWriter, wasClean: Bool
  ) throws(StoreError) -> JournalRecovery.Outcome {
    try JournalRecovery(configuration: configuration, paths: paths, store: store, active: active, wasClean: wasClean)
      .run()
  }

  // MARK: files

  private func segmentNames() throws(StoreError) -> Set<String> {
    do throws(FileError) {
      return Set(try files.list(paths.segments))
    } catch {
      throw StoreError(error, while: "list")
    }
  }

  /// Whether `store` is a copy of the file that was written: the directory was restored or copied.
  private func isCopy(_ storeFile: StoreFile) throws(StoreError) -> Bool {
    guard configuration.noticesCopies else { return false }
    do throws(FileError) {
      return try files.identity(paths.store) != storeFile.identity
    } catch {
      throw StoreError(error, while: "look at")
    }
  }

  /// Removes what a crash has left: temporary files, and a segment that `store` does not name yet.
  private func removeLeftovers(newest: Int64, _ names: Set<String>) throws(StoreError) {
    for name in names.sorted() {
      let path = "\(paths.segments)/\(name)"
      if name.hasSuffix(".tmp") {
        try remove(path)
        continue
      }
      guard let number = StorePaths.segmentNumber(name), number > newest else { continue }
      // Nothing is stored in a segment before `store` names it.
      let isUnused = number == newest + 1 ? try isEmpty(number) : false
      guard isUnused else {
        throw StoreError(
          .notAStore,
          """
          \(path) is newer than segment \(newest), which \(paths.store) says is the newest; \
          restore the whole data directory from one backup
          """)
      }
      for sideFile in StorePaths.sideFiles(of: path) { try remove(sideFile) }
      try remove(path)
    }
  }

  /// Removes segments that retention had no time to remove.
  ///
  /// - Returns: those that cannot be removed: what is stored does not depend on it.
  private func removeTrimmed(below number: Int64, _ names: Set<String>) -> [Segment] {
    var failed: Set<Int64> = []
    for name in names.sorted() {
      guard let trimmed = StorePaths.segment(ofFile: name), trimmed < number else { continue }
      do throws(FileError) {
        try files.remove("\(paths.segments)/\(name)")
      } catch {
        if failed.insert(trimmed).inserted {
          configuration.log(.warn("a trimmed segment cannot be removed yet, which is tried again: \(error.text)"))
        }
      }
    }
    return failed.sorted().map { Segment(number: $0, path: paths.segment($0), state: .trimmed) }
  }

  private func isEmpty(_ number: Int64) throws(StoreError) -> Bool {
    do throws(SQLiteError) {
      return try SegmentWriter(
        Segment(number: number, path: paths.segment(number), state: .active), configuration
      )
      .isEmpty
    } catch {
      throw StoreError(error, while: "open")
    }
  }

  private func remove(_ path: String) throws(StoreError) {
    do throws(FileError) { try files.remove(path) } catch { throw StoreError(error, while: "remove") }
  }

  // MARK: segments

  /// Opens the active segment, which recovers its WAL, and checks that it is what `store` says.
  private func open(_ segment: Segment, _ storeFile: StoreFile) throws(StoreError) -> (SegmentWriter, Int64) {
    let writer: SegmentWriter
    let identity: SegmentWriter.Identity
    do throws(SQLiteError) {
      writer = try SegmentWriter(segment, configuration)
      identity = try writer.identity()
    } catch {
      throw StoreError(error, while: "open")
    }
    if identity.applicationID == SegmentSchema.applicationID, identity.format > SegmentSchema.format {
      throw .newer(segment.path, format: identity.format)
    }
    guard identity.applicationID == SegmentSchema.applicationID, (1...SegmentSchema.format).contains(identity.format),
      identity.number == segment.number, identity.store == storeFile.id.bytes
    else {
      throw StoreError(
        .notAStore,
        """
        \(segment.path) is not segment \(segment.number) of store \(storeFile.id); \
        restore the whole data directory from one backup
        """)
    }
    guard (1...segment.number).contains(identity.trimmedBelow) else {
      throw StoreError(
        .damaged,
        """
        \(segment.path), the active segment, is damaged: trimmed_below is \(identity.trimmedBelow). Check the disk, \
        then restore the data directory from a backup
        """)
    }
    return (writer, identity.trimmedBelow)
  }

  /// Says what is behind damage in the WAL, before SQLite writes over it.
  private func checkWAL(_ segment: Segment) throws(StoreError) {
    let path = "\(segment.path)-wal"
    do throws(FileError) {
      let check = WALCheck(try files.read(path))
      if check.unreachedCount > 0 { configuration.log(.warn("\(path): \(check.text)")) }
    } catch {
      throw StoreError(error, while: "read")
    }
  }

  /// The segments before `newest`, the writers of those that are not sealed, and how many are missing.
  private func older(
    than newest: Int64, of store: InstanceID, _ trimmedBelow: Int64, _ names: Set<String>
  ) throws(StoreError) -> (SegmentListing, [SegmentWriter], Int) {
    var listing = SegmentListing(segments: [], trimmedBelow: trimmedBelow)
    var closing: [SegmentWriter] = []
    var missing: [Int64] = []
    for number in max(1, trimmedBelow)..<max(newest, trimmedBelow, 1) {
      let name = StorePaths.fileName(number)
      guard names.contains(name) else {
        missing.append(number)
        continue
      }
      let segment = Segment(number: number, path: paths.segment(number), state: .sealed)
      listing.segments.append(segment)
      do throws(FileError) {
        segment.byteCount = try files.byteCount(segment.path) ?? 0
      } catch {
        throw StoreError(error, while: "look at")
      }
      try files.requireKnownFormat(ofSegment: segment.path)
      // Read without its WAL, such a segment would silently lack its last commits.
      if names.contains("\(name)-wal") || names.contains("\(name)-journal") {
        segment.state = .closing
        do throws(SQLiteError) {
          closing.append(try SegmentWriter(segment, of: store, configuration))
        } catch {
          guard error.isLoss else { throw StoreError(error, while: "open") }
          // If the disk failed to read, readers may succeed; the next start seals it.
          guard error.isDamage else {
            configuration.log(.error("\(StoreError(error, while: "open"))"))
            continue
          }
          configuration.log(.error("\(StoreError(error, while: "open")); what it held is reported as lost"))
          _ = segment.noteDamage()
          segment.state = .damaged
        }
      }
    }
    if !missing.isEmpty {
      let list = missing.prefix(10).map(String.init).joined(separator: ", ")
      configuration.log(
        .error(
          "\(Figures.count(missing.count, "segment is", "segments are")) missing in \(paths.segments): \(list)"
            + "\(missing.count > 10 ? ", ..." : ""); what was in there is reported as lost"))
    }
    return (listing, closing, missing.count)
  }

  /// Where the streams began in the oldest segment: nothing before is kept.
  private func setFirsts(_ streams: inout [StreamInfo], _ oldest: Segment) throws(StoreError) {
    do throws(SQLiteError) {
      let connection = try ReaderConnection(oldest, vfs: configuration.vfs)
      let beginnings = try connection.beginnings()
      for index in streams.indices { streams[index].begin(at: beginnings[streams[index].id]) }
    } catch {
      guard error.isLoss, oldest.state != .active else { throw StoreError(error, while: "read") }
      configuration.log(.error("\(StoreError(error, while: "read")); what it held is reported as lost"))
      _ = oldest.noteDamage()
      if error.isDamage { oldest.state = .damaged }
    }
  }

  // MARK: streams

  /// The streams according to the active segment: its table, and its runs.
  private func streams(
    of active: SegmentWriter, checksLast: Bool
  ) throws(StoreError) -> (streams: [StreamInfo], nextStreamID: Int64, latestReceived: Int64) {
    var latestReceived = active.createdAt
    var streams: [StreamInfo] = []
    var deleted: Set<Int64> = []
    var indexOfID: [Int64: Int] = [:]
    var problem: String?
    var nextStreamID: Int64
    do throws(SQLiteError) {
      nextStreamID = try active.nextStreamID()
      var removals = try active.removals()
      try active.forEachStream { stream, isDeleted in
        nextStreamID = max(nextStreamID, stream.id + 1)
        indexOfID[stream.id] = streams.count
        var stream = stream
        stream.removals = removals.removeValue(forKey: stream.id) ?? Removals()
        streams.append(stream)
        if isDeleted { deleted.insert(stream.id) }
      }
      #if PLANTED_BUGS
        let heads = Dictionary(uniqueKeysWithValues: streams.map { ($0.id, $0.head) })
      #endif
      try active.forEachRun { run in
        guard let index = indexOfID[run.stream] else {
          problem = problem ?? "run \(run.row) belongs to no stream"
          return
        }
        if run.numbers.lowerBound != streams[index].head + 1 {
          problem = problem ?? "run \(run.row) begins at \(run.numbers.lowerBound) behind \(streams[index].head)"
        }
        streams[index].head = run.numbers.upperBound
        streams[index].entryCount += run.entryCount
        streams[index].storedByteCount += run.byteCount
        streams[index].lastReceived = run.received
        latestReceived = run.received
      }
      if problem == nil { problem = try active.indexProblem() }
      if checksLast, problem == nil {
        problem = try lastProblem(streams, indexOfID, deleted, active)
      }
      #if PLANTED_BUGS
        if PlantedBug.planted == .headFallsBack {
          for index in streams.indices where streams[index].head == heads[streams[index].id] {
            streams[index].head /= 2
          }
        }
      #endif
    } catch {
      throw StoreError(error, while: "read")
    }
    if let problem {
      throw StoreError(
        .damaged,
        """
        \(active.segment.path), the active segment, is damaged: \(problem). Check the disk, then restore the data \
        directory from a backup; to go on without what is in it, move the whole directory away
        """)
    }
    return (streams.filter { !deleted.contains($0.id) }, nextStreamID, latestReceived)
  }

  /// Checks the batches written last, newest first.
  private func lastProblem(
    _ streams: [StreamInfo], _ indexOfID: [Int64: Int], _ deleted: Set<Int64>, _ active: SegmentWriter
  ) throws(SQLiteError) -> String? {
    var checkedByteCount: UInt64 = 0
    var problem: String?
    try active.forEachRunFromLast { run, batches throws(SQLiteError) in
      checkedByteCount += run.byteCount
      guard let index = indexOfID[run.stream] else {
        problem = "run \(run.row) belongs to no stream"
        return false
      }
      // Its batches were signed under a name that it has no longer.
      if deleted.contains(run.stream) { return true }
      var signer = BatchSigner(streams[index])
      let parts = try signer.parts(of: Run(run.numbers, batches)) { () throws(SQLiteError) in
        try active.incarnations(of: run.stream)
      }
      for case .damaged(let numbers) in parts {
        problem = """
          numbers \(numbers.lowerBound) to \(numbers.upperBound) of the stream '\(streams[index].name)' do not pass \
          their check
          """
        return false
      }
      return checkedByteCount <= Self.checkedByteCountMax
    }
    return problem
  }

  /// A restored directory may lack numbers that clients have seen: under a new incarnation no old number silently means
  /// another entry.
  private func replaceIncarnations(
    _ streams: [StreamInfo], _ active: SegmentWriter, isCopy: Bool
  ) throws(StoreError) -> [StreamInfo] {
    if isCopy {
      configuration.log(
        .warn(
          """
          \(paths.store) is a copy: the data directory has been restored or moved. Each of its \
          \(Figures.count(streams.count, "stream", "streams")) gets a new incarnation, and followers get an error \
          saying that their streams were replaced
          """))
    }
    do throws(SQLiteError) {
      return try active.replaceIncarnations(streams) { Incarnation.random() }
    } catch {
      throw StoreError(error, while: "give new incarnations in")
    }
  }
}
