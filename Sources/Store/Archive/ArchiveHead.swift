internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// The empty segment behind the last one of an archive, which makes it a data directory: which streams there are, where
/// they go on, and what of them is not kept.
struct ArchiveHead: Sendable {
  /// Ranges that are not kept of one stream. The data directory forgets them with its segments, the archive keeps them.
  static let removedRangeCountMax = 10_000

  var number: Int64
  var createdAt: Int64
  /// The archive's oldest segment.
  var trimmedBelow: Int64
  var nextStreamID: Int64
  /// With the head that they had when the segment of this number began.
  var streams: [Int64: StreamInfo]

  init(number: Int64, createdAt: Int64, trimmedBelow: Int64, nextStreamID: Int64, streams: [Int64: StreamInfo]) {
    self.number = number
    self.createdAt = createdAt
    self.trimmedBelow = trimmedBelow
    self.nextStreamID = nextStreamID
    self.streams = streams
  }

  init(reading path: String, store: InstanceID) throws(StoreError) {
    do throws(SQLiteError) {
      let database = try Database(path, mode: .immutable, vfs: nil)
      try database.require(applicationID: SegmentSchema.applicationID, kind: "segment")
      let identity = try SegmentWriter.identity(database)
      guard identity.format <= SegmentSchema.format else {
        throw SQLiteError(damage: "a newer version has written it", path: path)
      }
      guard identity.store == store.bytes else { throw SQLiteError(damage: "it is of another store", path: path) }
      let content = try StoreContent(database, identity)
      self.init(
        number: identity.number, createdAt: try database.integer("SELECT created FROM segment"),
        trimmedBelow: content.trimmedBelow, nextStreamID: content.nextStreamID, streams: content.streams)
    } catch {
      throw StoreError(error, while: "read")
    }
  }

  /// Makes the file, and syncs it.
  func write(_ path: String, store: InstanceID, _ files: PosixFileSystem) throws(StoreError) {
    let next = NextSegment(number: number, path: path, vfs: nil)
    let content = NextSegment.Content(
      createdAt: createdAt, trimmedBelow: trimmedBelow, nextStreamID: nextStreamID,
      streams: streams.values.sorted { $0.id < $1.id }, marks: [])
    do throws(FileError) {
      try files.remove(path)
      try next.create(files)
    } catch { throw StoreError(error, while: "make") }
    do throws(SQLiteError) { try next.make(store: store, content) } catch { throw StoreError(error, while: "make") }
    do throws(FileError) { try files.synchronize(file: path) } catch { throw StoreError(error, while: "make") }
  }

  // MARK: what comes next

  /// The streams of a later head, as a segment of the store says they were when it began.
  ///
  /// - Parameters:
  ///   - before: those of that segment.
  ///   - deletions: what is deleted of them, besides what the catalog knows.
  func following(
    _ before: [StreamInfo], _ catalog: Catalog, _ deletions: [ArchiveNotes.Deletion]
  ) -> [Int64: StreamInfo] {
    let deletions = Dictionary(grouping: deletions, by: \.stream)
    var found: [Int64: StreamInfo] = [:]
    for var stream in before where stream.head > 0 {
      // Those that were deleted meanwhile are in the archive no more.
      guard let now = catalog[stream.id] else { continue }
      let old = streams[stream.id]
      (stream.name, stream.incarnation) = (now.name, now.incarnation)
      // Its last entry comes later, if its head does.
      stream.isSealed = now.isSealed && now.head == stream.head
      stream.removals = old?.removals ?? Removals()
      let last = stream.head
      for removal in now.removals.ranges {
        // What retention has trimmed of segments that are archived already stays there.
        let first = removal.reason == .trimmed ? (old?.head ?? 0) + 1 : 1
        stream.removals.add(removal, within: first, last)
      }
      // What was deleted may count as trimmed since, which would let its bytes stay.
      for numbers in (deletions[stream.id] ?? []).compactMap({ $0.part(through: last)?.numbers }) {
        // A damaged head may say of a stream that it has fewer entries than numbers.
        let share = min(Double(numbers.size) / Double(max(stream.entryCount, 1)), 1)
        let byteCount = UInt64(Double(min(stream.storedByteCount, UInt64(Int64.max))) * share)
        stream.removals.delete(numbers, byteCount: byteCount)
      }
      found[stream.id] = stream
    }
    return found
  }

  /// The streams by their names and ids.
  var catalog: Catalog {
    let catalog = Catalog()
    catalog.publish(streams.values.sorted { $0.id < $1.id })
    return catalog
  }

  /// Whether it has some of what was deleted, or will never get it.
  func isDue(_ deletion: ArchiveNotes.Deletion, _ catalog: Catalog) -> Bool {
    let hasSome = streams[deletion.stream].map { deletion.numbers.lowerBound <= $0.head } ?? false
    return hasSome || catalog[deletion.stream] == nil
  }

  /// Leaves out what was before the archive's oldest segment.
  mutating func begin(at beginnings: [Int64: StreamBeginning]) {
    for id in streams.keys { streams[id]?.begin(at: beginnings[id]) }
  }
}

extension Removals {
  /// Adds the part of a range that is within these numbers.
  fileprivate mutating func add(_ removal: Removal, within first: UInt64, _ last: UInt64) {
    guard first <= last, removal.numbers.overlaps(first...last) else { return }
    let part = removal.part(removal.numbers.clamped(to: first...last))
    if part.reason == .deleted { delete(part.numbers, byteCount: part.byteCount) } else { add(part) }
  }
}
