internal import LogsDisk
internal import LogsSystem
internal import Synchronization

/// Makes a complete segment immutable: no WAL, read without locks from then on.
///
/// While another program has the segment open, or the disk is full, it is tried again, for the last time when the store
/// closes; after that the next start does it.
final class Sealing: UpkeepJob {
  private let segment: Segment
  /// The connection to the segment, which nothing else uses anymore; nil once it is closed.
  private let writer: Mutex<SegmentWriter?>
  private let isFirst = Mutex(true)

  /// How long a checkpoint waits for another program that reads the segment.
  private static let patience = Duration.milliseconds(100)

  init(_ complete: SegmentWriter) {
    segment = complete.segment
    writer = Mutex(complete)
  }

  func run(on upkeep: Upkeep) -> UpkeepOutcome {
    let isFirst = self.isFirst.withLock { isFirst in
      defer { isFirst = false }
      return isFirst
    }
    do throws(StoreError) {
      if try seal(upkeep) {
        upkeep.log("segment \(segment.number) is sealed")
        return .done
      }
      if upkeep.isClosing { return .done }
      if isFirst {
        upkeep.log("segment \(segment.number) cannot be sealed while another program has \(segment.path) open")
      }
    } catch {
      guard error.code == .diskFull || error.code == .busy else {
        upkeep.failed(error)
        return .done
      }
      if upkeep.isClosing { return .done }
      upkeep.log("segment \(segment.number) cannot be sealed yet: \(error)")
    }
    return .again(after: upkeep.retryInterval)
  }

  /// - Returns: false when another program has the segment open.
  private func seal(_ upkeep: Upkeep) throws(StoreError) -> Bool {
    try makeIndex(upkeep.log)
    var result: Result<Bool, StoreError> = .success(false)
    // Reads of the segment wait meanwhile: for a checkpoint of a few megabytes.
    upkeep.pool.withoutConnections(to: segment) {
      do throws(StoreError) {
        result = .success(try finish(upkeep.directory))
      } catch {
        result = .failure(error)
      }
    }
    return try result.get()
  }

  /// Done while readers continue. A damaged segment is sealed as it is: readers find without the index what can be
  /// found.
  private func makeIndex(_ log: (String) -> Void) throws(StoreError) {
    guard let writer = writer.withLock({ $0 }) else { return }
    do throws(SQLiteError) {
      try writer.makeFinalIndex()
    } catch {
      guard error.isLoss || error.isConstraint else { throw StoreError(error, while: "index") }
      if segment.noteDamage() { log("\(StoreError(error, while: "index")); what it held there is reported as lost") }
    }
  }

  private func finish(_ directory: StoreDirectory) throws(StoreError) -> Bool {
    do throws(SQLiteError) {
      guard try leaveWal() else { return false }
    } catch {
      throw StoreError(error, while: "seal")
    }
    writer.withLock { $0 = nil }
    do throws(FileError) {
      try directory.files.synchronize(file: segment.path)
      try directory.files.synchronize(directory: directory.paths.segments)
      segment.byteCount = try directory.files.byteCount(segment.path) ?? 0
    } catch {
      throw StoreError(failedSync: error, while: "seal")
    }
    segment.finishSealing()
    return true
  }

  /// A function of its own, so that its reference to the connection is gone when it returns.
  private func leaveWal() throws(SQLiteError) -> Bool {
    guard let writer = writer.withLock({ $0 }) else { return true }
    do throws(SQLiteError) {
      try writer.dropRunIndex()
    } catch {
      // If it is damaged, it stays: nothing uses it anymore.
      guard error.isLoss else { throw error }
    }
    guard try writer.database.truncateWal(timeout: Self.patience) else { return false }
    return try writer.database.leaveWal()
  }
}
