internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// Brings what a crash has left in the journal into the active segment, and opens or makes the journal for what comes.
struct JournalRecovery {
  let configuration: StoreConfiguration
  let paths: StorePaths
  let store: InstanceID
  let active: SegmentWriter
  /// Whether the last process has put everything into the segment.
  let wasClean: Bool
  private var files: any FileSystem { configuration.fileSystem }

  /// So much is put into the segment at once.
  private static let transactionByteCount = 4 << 20

  /// It takes at most this part of the free space.
  private static let spaceDivisor = 8

  /// Arithmetic on positions below it cannot overflow.
  private static let positionMax: UInt64 = 1 << 62

  private enum Look {
    case missing
    /// An empty file is how somebody says that its content is to be given up.
    case empty
    case unreadable(String)
    case found(JournalFormat.Header)
  }

  struct Outcome {
    /// The journal to go on with; nil if there is none.
    var journal: CommitJournal?
    /// Whether what was acknowledged last may be gone: numbers that clients have seen may be given again.
    var isGivenUp = false
  }

  func run() throws(StoreError) -> Outcome {
    let anchor = try anchor()
    var kept: (header: JournalFormat.Header, end: UInt64)?
    let found = try anchor.map { anchor throws(StoreError) in try find(anchor) } ?? nil
    let isGivenUp = anchor != nil && found == nil && !wasClean
    if let anchor, let found {
      guard anchor.position < Self.positionMax, anchor.position % UInt64(found.blockByteCount) == 0 else {
        throw StoreError(
          .damaged,
          """
          \(active.segment.path), the active segment, is damaged: the position of its journal is \(anchor.position). \
          Check the disk, then restore the data directory from a backup
          """)
      }
      kept = (found, try replay(found, from: anchor.position))
    }
    // What the last process had applied may not be durable yet, and the ring goes on over it.
    if !wasClean, kept != nil { try checkpoint() }
    try remove(paths.journalTemporary)
    var journal: CommitJournal?
    if let kept, configuration.journalRingByteCount > 0 {
      let found = try open(kept.header, end: kept.end)
      if found.fitsDevice { journal = found }
    }
    if let journal, journal.header.ringByteCount == configuration.journalRingByteCount {
      return Outcome(journal: journal)
    }
    return Outcome(journal: try make(replacing: anchor, of: journal), isGivenUp: isGivenUp)
  }

  private func anchor() throws(StoreError) -> JournalAnchor? {
    do throws(SQLiteError) { return try active.journalAnchor() } catch { throw StoreError(error, while: "read") }
  }

  private func checkpoint() throws(StoreError) {
    do throws(SQLiteError) {
      try active.database.checkpoint()
    } catch {
      guard error.isBusy || error.isDiskFull else { throw StoreError(error, while: "checkpoint") }
      try syncWal()
    }
  }

  private func syncWal() throws(StoreError) {
    do throws(FileError) { try active.syncWal(files) } catch { throw StoreError(failedSync: error, while: "sync") }
  }

  // MARK: what is there

  /// The journal that the segment names; nil if it is not there and nothing was lost with it.
  private func find(_ anchor: JournalAnchor) throws(StoreError) -> JournalFormat.Header? {
    let look = try look(paths.journal)
    if case .found(let found) = look, found.id == anchor.id { return found }
    // A crash came between naming the new journal in the segment and giving it its name.
    if case .found(let found) = try self.look(paths.journalTemporary), found.id == anchor.id {
      try name()
      return found
    }
    if wasClean { return nil }
    let problem: String
    switch look {
    case .empty:
      configuration.log(
        .error(
          """
          \(paths.journal) is empty: what was acknowledged in the last moments before the crash is given up, and each \
          stream gets a new incarnation
          """))
      return nil
    case .missing: problem = "is missing"
    case .unreadable(let text): problem = text
    case .found: problem = "is another journal than the one of \(active.segment.path)"
    }
    throw StoreError(
      .damaged,
      """
      \(paths.journal) \(problem), and the last stop was not clean: what was acknowledged in the last moments before \
      it may be in there alone. Put it back, or restore the data directory from a backup; to go on without it, which \
      loses that and gives each stream a new incarnation, put an empty file in its place
      """)
  }

  private func look(_ path: String) throws(StoreError) -> Look {
    let byteCount: Int
    let beginning: [UInt8]
    do throws(FileError) {
      guard let count = try files.byteCount(path) else { return .missing }
      byteCount = count
      beginning = try files.read(path, atMost: JournalFormat.headerByteCount) ?? []
    } catch {
      throw StoreError(error, while: "read")
    }
    if byteCount == 0 { return .empty }
    do throws(JournalFormat.HeaderProblem) {
      let header = try JournalFormat.header(of: beginning, byteCount: byteCount)
      return header.store == store ? .found(header) : .unreadable("belongs to another store, \(header.store)")
    } catch {
      switch error {
      case .isNoJournal: return .unreadable("is damaged, or is no journal")
      case .isNewer(let version):
        throw StoreError(
          .notAStore, "\(path) has format \(version), this program knows \(JournalFormat.version); use a newer one")
      }
    }
  }

  // MARK: replay

  /// Puts the records from `position` on into the segment.
  ///
  /// - Returns: the position behind the last one.
  private func replay(_ header: JournalFormat.Header, from position: UInt64) throws(StoreError) -> UInt64 {
    let path = paths.journal
    var ring = JournalRing(header) { [files] byteCount, offset throws(StoreError) in
      do throws(FileError) { return try files.read(path, atMost: byteCount, from: offset) ?? [] } catch {
        throw StoreError(error, while: "read")
      }
    }
    var position = position
    var recordCount = 0
    var waiting: [GroupRows] = []
    var byteCount = 0
    while let (body, end) = try ring.next(at: position) {
      let rows = try rows(of: body, end: end)
      position = end
      recordCount += 1
      waiting.append(rows)
      byteCount += rows.byteCount
      if byteCount >= Self.transactionByteCount {
        try apply(waiting, through: position)
        (waiting, byteCount) = ([], 0)
      }
    }
    // A torn record is the last one. If there is a later one, what comes before it was acknowledged.
    if let later = try ring.position(after: position) {
      throw damage("there is no record at position \(position), and one at \(later)")
    }
    #if PLANTED_BUGS
      if PlantedBug.planted == .journalForgotten { waiting = [] }
    #endif
    if !waiting.isEmpty { try apply(waiting, through: position) }
    if recordCount > 0 {
      do throws(SQLiteError) { try active.count() } catch { throw StoreError(error, while: "read") }
      configuration.log(
        .notice(
          """
          \(Figures.count(recordCount, "group", "groups")) of appends acknowledged before the crash came from the \
          journal
          """))
    }
    return position
  }

  private func apply(_ groups: [GroupRows], through position: UInt64) throws(StoreError) {
    do throws(SQLiteError) {
      try active.apply(GroupRows(joining: groups), through: position, indexesRuns: false, isSynced: true)
    } catch {
      throw StoreError(error, while: "append to")
    }
  }

  private func rows(of body: ByteString, end: UInt64) throws(StoreError) -> GroupRows {
    do throws(WireDecodingError) {
      var reader = ByteReader(body.span)
      return try GroupRows(from: &reader)
    } catch {
      throw damage("a record before position \(end) passes its check and cannot be read: \(error.reason)")
    }
  }

  private func damage(_ text: String) -> StoreError {
    StoreError(
      .damaged,
      """
      \(paths.journal) is damaged: \(text). Check the disk, then restore the data directory from a backup; to go on \
      without what it holds, put an empty file in its place
      """)
  }

  // MARK: what comes

  private func open(_ header: JournalFormat.Header, end: UInt64) throws(StoreError) -> CommitJournal {
    do throws(FileError) {
      let journal = try CommitJournal(paths.journal, header, end: end, files)
      if !journal.isDirect {
        configuration.log(
          .upkeep("\(paths.journal) is written through the page cache: its file system has no O_DIRECT"))
      }
      return journal
    } catch {
      throw StoreError(error, while: "open")
    }
  }

  /// Makes a new journal in place of the one there is, everything in which is in the segment.
  ///
  /// First the whole file under another name, then its id in the segment, then its name: whatever a crash leaves, the
  /// journal that the segment names is there.
  ///
  /// - Parameter old: the one to go on with if there is no room for the new one.
  private func make(replacing anchor: JournalAnchor?, of old: CommitJournal?) throws(StoreError) -> CommitJournal? {
    if configuration.journalRingByteCount == 0 { return try goWithout(anchor) }
    let header: JournalFormat.Header
    do throws(FileError) { header = try write() } catch {
      let problem =
        error.isDiskFull
        ? "\(paths.journal) would take more than an eighth of the space that is free"
        : "\(StoreError(error, while: "make"))"
      return try goOn(old, anchor, because: problem)
    }
    do throws(SQLiteError) { try active.setJournal(JournalAnchor(id: header.id, position: 0)) } catch {
      let problem = StoreError(error, while: "write to")
      guard error.meansNothingStored else { throw problem }
      return try goOn(old, anchor, because: "\(problem)")
    }
    try name()
    return try open(header, end: 0)
  }

  /// Goes on without a new journal. Without any, everything works, and small appends take longer.
  private func goOn(
    _ old: CommitJournal?, _ anchor: JournalAnchor?, because problem: String
  ) throws(StoreError) -> CommitJournal? {
    try remove(paths.journalTemporary)
    if let old {
      configuration.log(.warn("\(problem): it keeps the size that it had, \(old.header.ringByteCount) bytes"))
      return old
    }
    configuration.log(.warn("\(problem): appends go to the segment at once, and small ones take longer"))
    return try goWithout(anchor)
  }

  private func goWithout(_ anchor: JournalAnchor?) throws(StoreError) -> CommitJournal? {
    if anchor != nil { try setJournal(nil) }
    try remove(paths.journal)
    return nil
  }

  /// The whole file, under its other name.
  private func write() throws(FileError) -> JournalFormat.Header {
    let ringByteCount = configuration.journalRingByteCount
    var header = JournalFormat.Header(
      store: store, id: .random(), blockByteCount: JournalFormat.headerByteCount, ringByteCount: ringByteCount)
    if ringByteCount > (try files.space(paths.directory).free) / Self.spaceDivisor { throw .noRoom(paths.journal) }
    try files.write(paths.journalTemporary, JournalFormat.encode(header))
    // Before it is written past the cache, which may hold what it was.
    try files.synchronize(file: paths.journalTemporary)
    let file = try files.openDurable(paths.journalTemporary)
    header.blockByteCount = file.blockByteCount
    try fill(file, header)
    try files.synchronize(file: paths.journalTemporary)
    try files.synchronize(directory: paths.directory)
    return header
  }

  /// Writes all of it: the first write to a block that is only reserved is two. In pieces, since the C library gives
  /// less back to the system once it has had a block as large as the whole.
  private func fill(_ file: any DurableFile, _ header: JournalFormat.Header) throws(FileError) {
    let piece = AlignedBytes(byteCount: Self.pieceByteCount)
    let end = JournalFormat.headerByteCount + header.ringByteCount
    for offset in stride(from: JournalFormat.headerByteCount, to: end, by: Self.pieceByteCount) {
      try file.write(piece, byteCount: min(Self.pieceByteCount, end - offset), at: offset)
    }
    piece.copy(ByteString(JournalFormat.encode(header)).span, to: 0)
    try file.write(piece, byteCount: JournalFormat.headerByteCount, at: 0)
  }

  private static let pieceByteCount = 256 << 10

  private func setJournal(_ anchor: JournalAnchor?) throws(StoreError) {
    do throws(SQLiteError) { try active.setJournal(anchor) } catch { throw StoreError(error, while: "write to") }
  }

  private func name() throws(StoreError) {
    do throws(FileError) {
      try files.rename(paths.journalTemporary, to: paths.journal)
      try files.synchronize(directory: paths.directory)
    } catch {
      throw StoreError(error, while: "make")
    }
  }

  private func remove(_ path: String) throws(StoreError) {
    do throws(FileError) { try files.remove(path) } catch { throw StoreError(error, while: "remove") }
  }
}
