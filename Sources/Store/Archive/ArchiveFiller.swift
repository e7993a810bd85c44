internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// An empty segment in the place of one that an archive did not get: its numbers are lost there, and it says so.
struct ArchiveFiller {
  let number: Int64
  /// Whether it stands for all that is missing: the others begin where it ends.
  let isFirst: Bool
  /// What was archived before, and what comes next.
  let before: ArchiveHead
  let after: ArchiveHead

  private var lost: LostRanges {
    var lost = LostRanges()
    for stream in after.streams.values where isFirst {
      let first = (before.streams[stream.id]?.head ?? 0) + 1
      if first <= stream.head { lost.add(first...stream.head, stream.id) }
    }
    return lost
  }

  private var streams: [RepairedSegment.Stream] {
    after.streams.values.sorted { $0.id < $1.id }.map { stream in
      // A stream that began in between has its first number here.
      let place = isFirst ? before.streams[stream.id] : stream
      return RepairedSegment.Stream(
        info: stream, next: (place?.head ?? 0) + 1, byteCount: place?.storedByteCount ?? 0,
        received: place?.lastReceived ?? 0, formerIncarnations: [])
    }
  }

  func write(_ path: String, store: InstanceID, _ files: PosixFileSystem) throws(StoreError) {
    do throws(FileError) {
      try files.remove(path)
      try files.write(path, [])
    } catch { throw StoreError(error, while: "make") }
    do throws(SQLiteError) {
      let heading = RepairedSegment.Heading(
        number: number, store: store, createdAt: isFirst ? before.createdAt : after.createdAt,
        trimmedBelow: before.trimmedBelow, nextStreamID: after.nextStreamID)
      try RepairedSegment(path, heading).finish(streams, lost, [:])
    } catch { throw StoreError(error, while: "make") }
    do throws(FileError) { try files.synchronize(file: path) } catch { throw StoreError(error, while: "make") }
  }
}
