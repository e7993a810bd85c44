internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// The backlog of a producer on disk: what the producer has accepted survives crashes, power loss and hours offline.
///
/// One directory with one SQLite database (`docs/spool.md`). `store` is durable when it returns; a call that throws has
/// stored nothing. Memory holds a few words for each stream with batches, and nothing for a batch.
///
/// No number ever names two batches. Each row has the identity and number that it is sent under. New batches get a new
/// identity whenever the old numbers cannot be trusted: after damage, and after an unclean stop, since a damaged or
/// missing WAL looks like one that was never written.
///
/// A full disk must not keep the spool from being emptied. Room for that is reserved
/// (`SpoolDirectory.reserveByteCount`). It is given up when an answer cannot be recorded otherwise, and reserved again
/// before anything new is accepted.
///
/// All damage, at the start or later, is handled in the same way: the file is set aside, and a new one is made from all
/// rows whose checks hold (`SpoolSalvage`).
final class Spool: Backlog {
  let directory: SpoolDirectory
  let now: () -> Int64
  private let vfs: String?
  private let report: (SpoolDamage) -> Void
  /// nil if it must be opened again: an error has left the WAL in an unknown state.
  private var file: SpoolFile?
  /// How much of the WAL is needed then.
  private var neededWalByteCount: Int?
  private(set) var state: SpoolState
  /// Whether `state` matches the file.
  private var isKnown = false
  private var sortedStreams: [StreamName]?
  /// Whether the room for emptying it is reserved. Otherwise nothing is accepted, which would use up that room.
  private var isReserved = false
  /// Nothing up to these places, by id and by time of acceptance, can be dropped.
  var droppableAfterID: Int64 = 0
  var droppableAfter = SpoolFile.Acceptance()
  /// Held as long as the spool is open.
  private var lock: FileLock?

  /// Opens the spool in a directory, which is created if it is missing.
  ///
  /// - Parameters:
  ///   - report: called for all damage that is found, now or in any later call, after the rest has been saved. It must
  ///     not use the spool.
  ///   - vfs: SQLite's file system, for tests.
  ///   - now: the time in ns since 1970.
  /// - Throws: `LogError`: `spoolInUse` if another process uses it, `spoolFailed` if it cannot be read or written, or
  ///   is of a newer version, which is then left unchanged. Damage does not make it fail.
  init(
    _ path: String, vfs: String? = nil, now: @escaping () -> Int64 = SystemClock.wall,
    report: @escaping (SpoolDamage) -> Void
  ) throws(LogError) {
    directory = SpoolDirectory(path)
    self.vfs = vfs
    self.now = now
    self.report = report
    state = SpoolState(header: SpoolState.Header(producer: .random()))
    lock = try directory.take()
    let aside = try directory.adoptComplete()
    if try !directory.exists() {
      try SpoolSalvage.makeEmpty(directory, vfs: vfs)
      _ = try directory.adoptComplete()
    }
    try directory.refuseNewerFormat()
    isReserved = try directory.fillReserve()
    try attempt { file throws(SQLiteError) in try start(file) }
    if let aside { report(SpoolDamage(interrupted: aside, in: directory)) }
  }

  deinit { close() }

  /// Closes the spool and releases it: the WAL is checkpointed and removed. Nothing may be called afterwards.
  func close() {
    if let file {
      do throws(SQLiteError) {
        state.begin()
        state.setClosed(true)
        try file.database.transact { () throws(SQLiteError) in try file.write(state) }
        state.commit()
        file.database.allowWalRemoval()
      } catch {
        // Everything stored is in the file or its WAL. The next open will be as after a crash.
      }
    }
    file = nil
    lock = nil
  }

  private func start(_ file: SpoolFile) throws(SQLiteError) {
    if !state.header.isClosed { state.renew() }
    state.setClosed(false)
    try file.database.transact { () throws(SQLiteError) in try file.write(state) }
    // Without this, the file would still say that it was closed cleanly if the WAL were lost.
    try file.database.checkpoint()
  }

  // MARK: Backlog

  var producer: ProducerID { state.header.producer }
  var totals: BacklogTotals { state.header.totals }
  var oldestID: Int64? { state.header.oldestID }

  var streams: [StreamName] {
    if let sortedStreams { return sortedStreams }
    let sorted = state.streams.keys.sorted()
    sortedStreams = sorted
    return sorted
  }

  /// - Throws: `LogError` with `spoolFailed`. Then nothing has been stored or removed.
  func store(_ batches: [EncodedBatch], removing answered: [Int64]) throws(LogError) -> [Int64] {
    if batches.isEmpty, answered.isEmpty { return [] }
    if !batches.isEmpty { try reserve() }
    return try change(isAdding: !batches.isEmpty) { file throws(SQLiteError) in
      try remove(answered, from: file)
      var ids: [Int64] = []
      for batch in batches {
        // The clock was set back.
        if batch.accepted <= droppableAfter.time { droppableAfter = SpoolFile.Acceptance() }
        let row = state.add(batch)
        try file.insert(row)
        try file.write(batch.beginnings + batch.bookmarks)
        ids.append(row.id)
      }
      return ids
    }
  }

  /// Removes answered batches and writes bookmarks, all or nothing.
  ///
  /// - Throws: `LogError` with `spoolFailed`.
  func note(_ bookmarks: [SourceBookmark], removing answered: [Int64]) throws(LogError) {
    try change { file throws(SQLiteError) in
      try remove(answered, from: file)
      try file.write(bookmarks)
    }
  }

  /// Whether a stream has batches.
  func has(_ stream: StreamName) -> Bool { state.streams[stream] != nil }

  func bookmarks() throws(LogError) -> [String: ByteString] {
    try attempt { file throws(SQLiteError) in
      Dictionary(try file.bookmarks().map { ($0.key, $0.value) }) { _, later in later }
    }
  }

  func note(_ bookmarks: [SourceBookmark]) throws(LogError) {
    if bookmarks.isEmpty { return }
    try reserve()
    try attempt(isAdding: true) { file throws(SQLiteError) in
      try file.note(bookmarks)
    }
    tidy()
  }

  /// - Complexity: reads what it returns, at most 32 batches.
  func window(of stream: StreamName, after id: Int64) throws(LogError) -> [BacklogBatch] {
    try attempt { file throws(SQLiteError) in
      guard let counted = state.streams[stream] else { return [] }
      guard let window = try file.window(of: stream) else {
        throw SQLiteError(
          damage: "the stream \(stream) has no batch where \(counted.totals.batchCount) were counted",
          path: directory.database)
      }
      return try file.rows(of: stream, after: id, in: window).map(\.batch)
    }
  }

  // MARK: Transactions

  /// Runs a transaction that changes the file and memory together, or neither.
  ///
  /// - Parameter isAdding: whether something new is stored, for which the reserve must not be used.
  func change<Result>(
    isAdding: Bool = false, _ body: (SpoolFile) throws(SQLiteError) -> Result
  ) throws(LogError) -> Result {
    let result = try attempt(isAdding: isAdding) { file throws(SQLiteError) in
      state.begin()
      do throws(SQLiteError) {
        let result = try file.database.transact { () throws(SQLiteError) in
          let result = try body(file)
          if state.isChanged {
            state.setOldest(try file.oldestID())
            try file.write(state)
          }
          return result
        }
        state.commit()
        return result
      } catch {
        state.rollBack()
        throw error
      }
    }
    sortedStreams = nil
    tidy()
    return result
  }

  /// Removes answered batches that are still there: damaged ones may be gone.
  ///
  /// A batch that is only left in the index would be handed out again and again. That is damage, and removals
  /// themselves can uncover it: SQLite moves rows between pages, and if two parents refer to one page, rows vanish for
  /// one of them.
  private func remove(_ answered: [Int64], from file: SpoolFile) throws(SQLiteError) {
    var missing: Set<Int64> = []
    for id in answered {
      if let summary = try file.summary(id) { try remove(summary, from: file) } else { missing.insert(id) }
    }
    if !missing.isEmpty { try file.requireUnnamed(missing) }
  }

  /// Removes a batch from the file and memory.
  func remove(_ batch: SpoolSummary, from file: SpoolFile) throws(SQLiteError) {
    do throws(SpoolMiscount) { try state.remove(batch.totals, of: batch.stream) } catch {
      throw SQLiteError(damage: "batch \(batch.id) was never counted", path: directory.database)
    }
    try file.delete(batch.id)
  }

  /// Adds a notice to the file and memory.
  func insert(_ notice: SpoolRow, into file: SpoolFile) throws(SQLiteError) {
    state.insert(notice)
    try file.insert(notice)
  }

  /// Checkpoints a long WAL, and frees the space of a large file that has become empty.
  private func tidy() {
    do throws(SQLiteError) {
      guard let file else { return }
      let isEmpty = state.header.totals.batchCount == 0
      if isEmpty { try file.shrinkEmpty() }
      if file.isWalLong { try file.database.checkpoint() }
      if isEmpty, !isReserved { try refill(file) }
    } catch {
      // The transaction itself is durable. The next call opens the file again and will find what is wrong; a full disk
      // does not need that.
      if !error.meansNothingStored { leaveFile() }
    }
  }

  // MARK: The reserve

  /// Makes sure that the room for emptying is reserved before anything new is accepted.
  ///
  /// - Throws: `LogError` with `spoolFailed`.
  private func reserve() throws(LogError) {
    if isReserved { return }
    try attempt { file throws(SQLiteError) in try refill(file) }
    if !isReserved { throw directory.diskFull("the room for emptying it is not free") }
  }

  /// First frees what the WAL has used of it.
  private func refill(_ file: SpoolFile) throws(SQLiteError) {
    try file.database.checkpoint(.truncate)
    do throws(LogError) { isReserved = try directory.fillReserve() } catch {
      // The next attempt to store something reports it.
      isReserved = false
    }
  }

  private func giveUpReserve() -> Bool {
    guard isReserved else { return false }
    isReserved = false
    do throws(LogError) { try directory.releaseReserve() } catch { return false }
    return true
  }

  // MARK: Errors

  /// Runs `body` on the file. Runs it once more if the file was damaged and the rest has been saved, if it could not be
  /// read, or if the disk was full and there is room now.
  private func attempt<Success>(
    isAdding: Bool = false, _ body: (SpoolFile) throws(SQLiteError) -> Success
  ) throws(LogError) -> Success {
    var hasFailedToRead = false
    var hasMadeRoom = false
    var isSalvaged = false
    while true {
      if let neededWalByteCount {
        // A transaction that failed in its final sync may be complete in the WAL. The caller sees an error and stores
        // the same again, so this transaction must not be found later.
        try directory.truncateWal(to: neededWalByteCount)
        self.neededWalByteCount = nil
      }
      switch run(body) {
      case .success(let result): return result
      case .failure(let error):
        if error.isFailedRead, !hasFailedToRead {
          hasFailedToRead = true
          leaveFile()
        } else if error.isDiskFull, !hasMadeRoom, makeRoom() {
          hasMadeRoom = true
        } else if error.isDiskFull, !isAdding, giveUpReserve() {
          // It may have been the WAL index that could not grow.
          if !error.meansNothingStored { leaveFile() }
        } else if error.isLoss, !isSalvaged {
          isSalvaged = true
          try salvage(error)
        } else {
          if !error.meansNothingStored { leaveFile() }
          throw directory.failure(error)
        }
      }
    }
  }

  /// Checkpoints the WAL, so that SQLite can reuse it from the start: a full disk must not keep answered batches from
  /// being removed.
  ///
  /// - Returns: whether it worked, and may have helped.
  private func makeRoom() -> Bool {
    guard let file, file.database.neededWalByteCount > 0 else { return false }
    do { try file.database.checkpoint() } catch { return false }
    return file.database.neededWalByteCount == 0
  }

  /// A function of its own, so that nothing holds the file any more when an error is handled.
  private func run<Success>(
    _ body: (SpoolFile) throws(SQLiteError) -> Success
  ) -> Result<Success, SQLiteError> {
    do throws(SQLiteError) { return .success(try body(try openedFile())) } catch { return .failure(error) }
  }

  /// Closes the file, to open it again: SQLite does not know what an error has left on disk.
  private func leaveFile() {
    if let file { neededWalByteCount = file.database.neededWalByteCount }
    file = nil
  }

  private func openedFile() throws(SQLiteError) -> SpoolFile {
    if let file { return file }
    precondition(lock != nil, "a spool that was closed is not used any more")
    let opened = try SpoolFile(directory.database, vfs: vfs)
    let found = try opened.load()
    if isKnown, found.header.nextID != state.header.nextID || found.header.totals != state.header.totals {
      throw SQLiteError(damage: "it is not as it was left", path: directory.database)
    }
    state = found
    isKnown = true
    file = opened
    return opened
  }

  /// Saves what can be read of a damaged file, and continues with that.
  private func salvage(_ error: SQLiteError) throws(LogError) {
    leaveFile()
    let losses = try SpoolSalvage.rebuild(directory, known: isKnown ? state : nil, time: now(), vfs: vfs)
    let aside = try directory.adoptComplete()
    neededWalByteCount = nil
    isKnown = false
    sortedStreams = nil
    report(SpoolDamage(error, losses, keptAside: aside, in: directory))
  }
}
