internal import LogsDisk
internal import LogsSystem
internal import LogsWire
internal import Synchronization

/// Checks everything that is stored after an unclean stop, newest first, on a thread that gets only idle time.
///
/// `PRAGMA quick_check` checks the structure of a file and does not see a flipped bit in a payload; the batches' own
/// checks do. Damage in a sealed segment is logged; readers learn of it when they get there.
final class BackgroundCheck: Sendable {
  private struct State: Sendable {
    var progress: (StoreStatistics.CheckState, Int) = (.notNeeded, 0)
    var isClosing = false
    var isEnded = false
    /// The connection that runs `PRAGMA quick_check`.
    var connection: ReaderConnection?
  }

  private let state = Monitor(State())
  private let thread = Mutex<Thread?>(nil)
  private let reader: Reader
  /// The segments as they were when the store was opened, and the last row of the newest of them.
  private let listing: SegmentListing
  private let lastRow: Int64

  /// - Parameter listing: the segments before the writer started. Rows added later are not checked: a commit is in the
  ///   file before the catalog knows of it.
  init(_ reader: Reader, _ listing: SegmentListing, lastRow: Int64, isNeeded: Bool) {
    self.reader = reader
    self.listing = listing
    self.lastRow = lastRow
    guard isNeeded else { return }
    state.withLock { $0.progress = (.running, 0) }
    thread.withLock {
      $0 = Thread("store-check", priority: .idle) {
        self.run()
        self.state.withLock { $0.isEnded = true }
        self.state.signal()
      }
    }
  }

  var progress: (StoreStatistics.CheckState, Int) { state.withLock { $0.progress } }

  /// Ends the check where it is.
  func close() {
    guard let thread = thread.withLock({ $0.take() }) else { return }
    state.withLock { $0.isClosing = true }
    // Repeatedly: a statement that has not started yet cannot be interrupted.
    while state.wait(timeout: Self.interruptInterval, until: { $0.isEnded ? true : nil }) == nil {
      state.withLock { $0.connection?.interrupt() }
    }
    thread.join()
  }

  private static let interruptInterval = Duration.milliseconds(5)

  private var isClosing: Bool { state.withLock { $0.isClosing } }

  private func run() {
    for segment in listing.segments.reversed() where segment.state != .damaged && !segment.isGone {
      do throws(SQLiteError) {
        try check(segment)
      } catch {
        if isClosing { return }
        if segment.isGone { continue }
        note(StoreError(error, while: "check").description, segment, isDamage: reader.isLoss(error, of: segment))
      }
      if isClosing { return }
      state.withLock { $0.progress.1 += 1 }
    }
    state.withLock { $0.progress.0 = .finished }
    reader.log(
      .info(progress.1 == 1 ? "the only segment has been checked" : "all \(progress.1) segments have been checked"))
  }

  private func check(_ segment: Segment) throws(SQLiteError) {
    // A connection of its own: a check takes long, and sealing waits for the connections that the pool has lent.
    let isSealed = segment.state == .sealed
    if isSealed {
      let connection = try ReaderConnection(segment, vfs: reader.pool.vfs)
      let problem = try quickCheck(connection)
      if !problem.isEmpty { note("\(segment.path) is damaged: \(problem)", segment, isDamage: true) }
      try checkBatches(segment) { visit throws(SQLiteError) in try visit(connection) }
    } else {
      // One short statement after the other: a long one would pin the WAL.
      try checkBatches(segment) { visit throws(SQLiteError) in
        let lease = ConnectionLease(self.reader.pool, timeMax: .zero)
        defer { lease.end() }
        try lease.withConnection(to: segment, visit)
      }
    }
  }

  private func quickCheck(_ connection: ReaderConnection) throws(SQLiteError) -> String {
    state.withLock { $0.connection = connection }
    defer { state.withLock { $0.connection = nil } }
    return isClosing ? "" : try connection.quickCheck()
  }

  private func checkBatches(
    _ segment: Segment,
    _ withConnection: ((ReaderConnection) throws(SQLiteError) -> Void) throws(SQLiteError) -> Void
  ) throws(SQLiteError) {
    let lastRow = segment == listing.active ? lastRow : Int64.max
    var row: Int64 = 0
    var isEnd = false
    while !isEnd, !isClosing, !segment.isGone {
      var slice: [(row: Int64, stream: Int64, run: Run?)] = []
      var byteCount = 0
      let deadline = SystemClock.monotonic() &+ Reader.statementTimeMax.nanoseconds
      try withConnection { connection throws(SQLiteError) in
        try connection.forEachRun(in: row..<lastRow) { row, stream, run in
          slice.append((row, stream, run))
          byteCount += run?.batches.count ?? 0
          return byteCount < Self.sliceByteCountMax && SystemClock.monotonic() < deadline
        }
      }
      if let last = slice.last { row = last.row } else { isEnd = true }
      for (row, stream, run) in slice where !isClosing {
        if let run {
          try check(run, of: stream, segment, withConnection)
        } else {
          note("\(segment.path) is damaged: row \(row) of runs has numbers that cannot be", segment, isDamage: true)
        }
      }
    }
  }

  /// What one statement reads: while it is open it pins the WAL.
  private static let sliceByteCountMax = ReadRequest.byteCountLimit

  private func check(
    _ run: Run, of id: Int64, _ segment: Segment,
    _ withConnection: ((ReaderConnection) throws(SQLiteError) -> Void) throws(SQLiteError) -> Void
  ) throws(SQLiteError) {
    guard let stream = reader.catalog[id] else {
      // One that was deleted is there no longer.
      if (1...max(reader.catalog.newestID, 1)).contains(id) { return }
      note("\(segment.path) has batches of a stream \(id) that is not known", segment, isDamage: true)
      return
    }
    var signer = BatchSigner(stream)
    let parts = try signer.parts(of: run) { () throws(SQLiteError) in
      var incarnations: [Incarnation] = []
      try withConnection { connection throws(SQLiteError) in incarnations = try connection.incarnations(of: id) }
      return incarnations
    }
    for case .damaged(let numbers) in parts {
      note(
        """
        \(segment.path) is damaged: numbers \(numbers.lowerBound) to \(numbers.upperBound) of the stream \
        '\(stream.name)' do not pass their check
        """,
        segment, isDamage: true)
    }
  }

  private func note(_ text: String, _ segment: Segment, isDamage: Bool) {
    if isDamage, segment.state == .active {
      reader.damaged(StoreError(.damaged, "\(text); check the disk, then restore the data directory from a backup"))
      return
    }
    if isDamage { _ = segment.noteDamage() }
    reader.log(isDamage ? .error(text) : .warn(text))
  }
}
