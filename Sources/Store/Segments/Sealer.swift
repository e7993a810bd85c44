internal import LogsDisk
internal import Synchronization

/// Makes complete segments immutable: no WAL, read without locks from then on.
final class Sealer: Sendable {
  private let files: any FileSystem
  private let paths: StorePaths
  private let pool: ConnectionPool
  private let upkeep: UpkeepThread
  private let log: @Sendable (String) -> Void
  private let failed: @Sendable (StoreError) -> Void
  private let isClosing = Mutex(false)

  /// How long a checkpoint waits for an outsider that reads the segment.
  private static let patience = Duration.milliseconds(100)

  init(
    _ settings: StoreSettings, paths: StorePaths, pool: ConnectionPool, upkeep: UpkeepThread,
    failed: @escaping @Sendable (StoreError) -> Void
  ) {
    files = settings.fileSystem
    self.paths = paths
    self.pool = pool
    self.upkeep = upkeep
    log = settings.log
    self.failed = failed
  }

  /// Owns the connection of a complete segment until it is closed.
  private final class Closing: Sendable {
    let writer: Mutex<SegmentWriter?>
    init(_ writer: SegmentWriter) { self.writer = Mutex(writer) }
  }

  /// Seals the segment of `writer`, which nobody uses any more, as soon as no outsider has it open.
  func seal(_ writer: SegmentWriter) {
    let segment = writer.segment
    let closing = Closing(writer)
    upkeep.add { self.attempt(segment, closing, isFirst: true) }
  }

  /// No further attempts: what cannot be sealed now is sealed at the next start.
  func close() { isClosing.withLock { $0 = true } }

  private func attempt(_ segment: Segment, _ closing: Closing, isFirst: Bool) {
    var result: Result<Bool, StoreError> = .success(false)
    do throws(StoreError) {
      try makeIndex(segment, closing)
      // Whoever reads the segment meanwhile waits: a checkpoint of a few megabytes.
      pool.withoutConnections(to: segment) {
        do throws(StoreError) {
          result = .success(try finish(segment, closing))
        } catch {
          result = .failure(error)
        }
      }
    } catch {
      result = .failure(error)
    }
    switch result {
    case .success(true): log("segment \(segment.number) is sealed")
    case .success(false):
      if isClosing.withLock({ $0 }) { return }
      if isFirst { log("segment \(segment.number) cannot be sealed while another program has \(segment.path) open") }
      upkeep.addRetry { self.attempt(segment, closing, isFirst: false) }
    case .failure(let error):
      if error.code == .diskFull || error.code == .busy {
        if isClosing.withLock({ $0 }) { return }
        log("segment \(segment.number) cannot be sealed yet: \(error)")
        upkeep.addRetry { self.attempt(segment, closing, isFirst: false) }
      } else {
        failed(error)
      }
    }
  }

  /// Done while readers go on. A damaged segment is sealed as it is: readers find without the index what can be found.
  private func makeIndex(_ segment: Segment, _ closing: Closing) throws(StoreError) {
    guard let writer = closing.writer.withLock({ $0 }) else { return }
    do throws(SQLiteError) {
      try writer.makeFinalIndex()
    } catch {
      guard error.isLoss || error.isConstraint else { throw StoreError(error, while: "index") }
      if segment.noteDamage() { log("\(StoreError(error, while: "index")); what it held there is reported as lost") }
    }
  }

  private func finish(_ segment: Segment, _ closing: Closing) throws(StoreError) -> Bool {
    do throws(SQLiteError) {
      guard try Self.leaveWal(closing) else { return false }
    } catch {
      throw StoreError(error, while: "seal")
    }
    closing.writer.withLock { $0 = nil }
    do throws(FileError) {
      try files.synchronize(file: segment.path)
      try files.synchronize(directory: paths.segments)
      segment.byteCount = try files.byteCount(segment.path) ?? 0
    } catch {
      // Whatever it was, it is not tried again: a second sync says nothing of what the first one has lost.
      var failure = StoreError(error, while: "seal")
      failure.code = .inputOutput
      throw failure
    }
    segment.finishSealing()
    return true
  }

  /// A function of its own, so that its reference to the connection is gone when it returns.
  private static func leaveWal(_ closing: Closing) throws(SQLiteError) -> Bool {
    guard let writer = closing.writer.withLock({ $0 }) else { return true }
    do throws(SQLiteError) {
      try writer.dropRunIndex()
    } catch {
      // Damaged, it stays where it is: nobody looks into it any more.
      guard error.isLoss else { throw error }
    }
    guard try writer.wal.truncateWal(timeout: patience) else { return false }
    return try writer.wal.leaveWal()
  }
}
