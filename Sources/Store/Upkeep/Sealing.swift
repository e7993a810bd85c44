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
  /// The index of its blocks in the making, which only the upkeep thread touches.
  private let indexing = Mutex(Indexing.toBegin)

  private enum Indexing {
    case toBegin
    case begun(BlockIndexing)
    case over
  }

  /// How long a checkpoint waits for another program that reads the segment.
  private static let patience = Duration.milliseconds(100)

  init(_ complete: SegmentWriter) {
    segment = complete.segment
    segment.isSealing = true
    writer = Mutex(complete)
  }

  func run(on upkeep: Upkeep) -> UpkeepOutcome {
    if segment.state == .trimmed { return remove(upkeep) }
    // The index takes space.
    if !upkeep.isClosing, !upkeep.retention.hasRoom(upkeep) {
      return .again(after: Self.waitTime)
    }
    let start = SystemClock.monotonic()
    do throws(StoreError) {
      guard try indexBlocks(upkeep) else {
        // The next start makes the index, and seals it.
        let worked = Duration.nanoseconds(SystemClock.monotonic() &- start)
        return upkeep.isClosing ? .done : .again(after: max(Self.waitTime, upkeep.pause(after: worked)))
      }
    } catch {
      guard error.code == .diskFull || error.code == .busy else {
        upkeep.failed(error)
        return .done
      }
      if upkeep.isClosing { return .done }
      upkeep.log(.retry("segment \(segment.number) cannot be sealed yet: \(error)"))
      return .again(after: upkeep.retryInterval)
    }
    let isFirst = self.isFirst.withLock { isFirst in
      defer { isFirst = false }
      return isFirst
    }
    do throws(StoreError) {
      if try seal(upkeep) {
        upkeep.log(.upkeep("segment \(segment.number) is sealed"))
        upkeep.rewriting.request(upkeep, isChanged: false)
        upkeep.archive.noteSeal()
        return .done
      }
      if upkeep.isClosing { return .done }
      if isFirst {
        upkeep.log(.warn("segment \(segment.number) cannot be sealed while another program has \(segment.path) open"))
      }
    } catch {
      guard error.code == .diskFull || error.code == .busy else {
        upkeep.failed(error)
        return .done
      }
      if upkeep.isClosing { return .done }
      upkeep.log(.retry("segment \(segment.number) cannot be sealed yet: \(error)"))
    }
    return .again(after: upkeep.retryInterval)
  }

  /// Retention was faster.
  private func remove(_ upkeep: Upkeep) -> UpkeepOutcome {
    endIndexing(.over, upkeep)
    writer.withLock { $0 = nil }
    segment.isSealing = false
    do throws(FileError) {
      try TrimRemoval.remove([segment], upkeep)
    } catch {
      upkeep.log(.retry("a trimmed segment cannot be removed yet: \(error.text)"))
      return upkeep.isClosing ? .done : .again(after: upkeep.retryInterval)
    }
    return .done
  }

  /// How long the index is worked on at once.
  private static let indexTime = Duration.milliseconds(25)
  /// How long it waits at least before it goes on, or asks again for what it needs.
  private static let waitTime = Duration.milliseconds(10)
  /// When the store closes, a segment is still indexed if that takes little.
  private static let smallByteCount = 4 << 20

  /// Works on the index of the segment's blocks.
  ///
  /// - Returns: whether it is over.
  private func indexBlocks(_ upkeep: Upkeep) throws(StoreError) -> Bool {
    guard let writer = writer.withLock({ $0 }) else { return true }
    do throws(SQLiteError) {
      while true {
        let step = indexing.withLock { $0 }
        let blocks: BlockIndexing
        switch step {
        case .over: return true
        case .begun(let begun): blocks = begun
        case .toBegin:
          // What an index is made from takes memory.
          guard upkeep.beginIndexing(segment) else { return false }
          // Readers continue meanwhile.
          try writer.makeFinalIndex()
          blocks = try BlockIndexing(writer.database)
          indexing.withLock { $0 = .begun(blocks) }
        }
        switch try blocks.work(for: Self.indexTime) {
        case .unfinished: break
        case .done: endIndexing(.over, upkeep)
        case .impossible(let reason):
          upkeep.noteNoIndex(of: segment, reason)
          endIndexing(.over, upkeep)
        }
        guard upkeep.isClosing, writer.byteCount <= Self.smallByteCount else {
          if case .over = indexing.withLock({ $0 }) { return true }
          return false
        }
      }
    } catch {
      guard error.isLoss || error.isConstraint else {
        // It begins again.
        endIndexing(.toBegin, upkeep)
        throw StoreError(error, while: "index")
      }
      endIndexing(.over, upkeep)
      if segment.noteDamage() {
        upkeep.log(.error("\(StoreError(error, while: "index")); what it held there is reported as lost"))
      }
      return true
    }
  }

  private func endIndexing(_ state: Indexing, _ upkeep: Upkeep) {
    indexing.withLock { $0 = state }
    upkeep.endIndexing(segment)
  }

  /// - Returns: false when another program has the segment open.
  private func seal(_ upkeep: Upkeep) throws(StoreError) -> Bool {
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

  private func finish(_ directory: StoreDirectory) throws(StoreError) -> Bool {
    do throws(SQLiteError) {
      guard try leaveWal() else { return false }
    } catch {
      throw StoreError(error, while: "seal")
    }
    writer.withLock { $0 = nil }
    segment.isSealing = false
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
