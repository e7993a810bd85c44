internal import LogsDisk
internal import LogsWire

/// Drops batches when the spool is full or they are too old.
///
/// A batch that was found to be in its window, or not to be a batch of entries, can never be dropped later. So each
/// search continues where the last one ended, and windows are skipped once and not with every call.
extension Spool {
  private static let stepBatchCountMax = 256
  /// About how much is dropped in one transaction, which bounds the WAL.
  private static let stepByteCountMax = 4 << 20

  /// - Throws: `LogError` with `spoolFailed` if nothing could be dropped. What was dropped before an error is returned.
  func dropOldest(keeping byteCountMax: Int) throws(LogError) -> [DroppedEntries] {
    try dropInSteps(
      .spoolFull, isEnough: { totals.byteCount <= byteCountMax },
      candidates: { file throws(SQLiteError) in
        try file.ids(after: droppableAfterID, limit: Self.stepBatchCountMax).map { SpoolFile.Acceptance(id: $0) }
      }, done: { droppableAfterID = $0.id })
  }

  /// - Throws: as `dropOldest`.
  func drop(acceptedBefore time: Int64) throws(LogError) -> [DroppedEntries] {
    try dropInSteps(
      .tooOld, isEnough: { false },
      candidates: { file throws(SQLiteError) in
        try file.accepted(before: time, after: droppableAfter, limit: Self.stepBatchCountMax)
      }, done: { droppableAfter = $0 })
  }

  private func dropInSteps(
    _ reason: DropReason, isEnough: () -> Bool,
    candidates: (SpoolFile) throws(SQLiteError) -> [SpoolFile.Acceptance], done: (SpoolFile.Acceptance) -> Void
  ) throws(LogError) -> [DroppedEntries] {
    var dropped: [StreamName: DroppedEntries] = [:]
    while !isEnough() {
      var step: SpoolDrop
      do throws(LogError) {
        step = try change { file throws(SQLiteError) in
          var step = SpoolDrop(file, reason, time: now())
          for candidate in try candidates(file) {
            if isEnough() || step.byteCount >= Self.stepByteCountMax { break }
            try step.take(candidate.id, from: self)
            step.last = candidate
          }
          try step.finish(in: self)
          return step
        }
      } catch {
        if dropped.isEmpty { throw error }
        break
      }
      guard let last = step.last else { break }
      done(last)
      dropped.merge(step.dropped) { before, new in new.adding(before.entryCount) }
    }
    return dropped.keys.sorted().compactMap { dropped[$0] }
  }
}

/// The dropping of one transaction: the batches that go, and the notices that replace them.
struct SpoolDrop {
  /// A run of consecutive batches of a stream that were dropped.
  private struct Run {
    var last: SpoolSummary
    var entryCount: UInt64
  }

  private let file: SpoolFile
  private let reason: DropReason
  private let time: Int64
  private var windows: [StreamName: SpoolWindow] = [:]
  private var runs: [StreamName: Run] = [:]
  /// Dropped entries, without those that notices stood for.
  private(set) var dropped: [StreamName: DroppedEntries] = [:]
  private(set) var byteCount = 0
  /// The last batch that was looked at.
  var last: SpoolFile.Acceptance?

  init(_ file: SpoolFile, _ reason: DropReason, time: Int64) {
    self.file = file
    self.reason = reason
    self.time = time
  }

  /// Drops a batch, if it may be dropped.
  mutating func take(_ id: Int64, from spool: Spool) throws(SQLiteError) {
    guard let summary = try file.summary(id), summary.kind == .batch else { return }
    let stream = summary.stream
    if windows[stream] == nil { windows[stream] = try file.window(of: stream) }
    guard let window = windows[stream], !window.contains(summary) else { return }
    // Only intact rows are counted as dropped.
    guard let row = try file.row(id) else { return }
    var entryCount = summary.totals.entryCount
    entryCount += DropNotice.all(in: row.content).reduce(0) { $0 + $1.entryCount }
    let place = try joinNotices(before: summary, window, &entryCount, spool)
    if let run = runs[stream], run.last.id < id {
      if let place, place > run.last.id { try close(run, spool) } else { entryCount += run.entryCount }
    } else if let run = runs[stream] {
      try close(run, spool)
    }
    runs[stream] = Run(last: summary, entryCount: entryCount)
    dropped[stream] = DroppedEntries(
      stream: stream, entryCount: summary.totals.entryCount + (dropped[stream]?.entryCount ?? 0), reason: reason,
      idLast: id)
    byteCount += summary.totals.byteCount
    try spool.remove(summary, from: file)
  }

  /// Removes the notices with the same reason before a batch, up to the first batch that is not a notice or is in the
  /// window.
  ///
  /// - Returns: that batch; nil if there is none.
  private func joinNotices(
    before batch: SpoolSummary, _ window: SpoolWindow, _ entryCount: inout UInt64, _ spool: Spool
  ) throws(SQLiteError) -> Int64? {
    var id = batch.id
    while let row = try file.row(of: batch.stream, before: id) {
      guard row.kind == .notice, !window.contains(row.summary) else { return row.id }
      id = row.id
      guard let notice = DropNotice.all(in: row.content).first, notice.reason == reason else { continue }
      entryCount += notice.entryCount
      try spool.remove(row.summary, from: file)
    }
    return nil
  }

  /// Inserts the notices.
  mutating func finish(in spool: Spool) throws(SQLiteError) {
    for stream in runs.keys.sorted() { if let run = runs[stream] { try close(run, spool) } }
    runs = [:]
  }

  /// The notice gets the number of the last batch that it replaces, which was never sent, and the id after that of the
  /// batch.
  private func close(_ run: Run, _ spool: Spool) throws(SQLiteError) {
    let notice = DropNotice(entryCount: run.entryCount, reason: reason)
    try spool.insert(
      SpoolRow(
        id: run.last.id + 1, key: run.last.key, number: run.last.number,
        EncodedBatch(stream: run.last.stream, content: notice.content(time: time), entryCount: 0, accepted: time)),
      into: file)
  }
}

extension DroppedEntries {
  fileprivate func adding(_ count: UInt64) -> DroppedEntries {
    var sum = self
    sum.entryCount += count
    return sum
  }
}
