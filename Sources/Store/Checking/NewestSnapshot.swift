internal import LogsDisk
internal import LogsWire

/// The newest segment at one moment, and what it says of the whole store: which streams there are, and what of them is
/// kept.
///
/// While it exists it holds a read transaction: the WAL of a server that runs cannot be emptied meanwhile.
final class NewestSnapshot {
  let number: Int64
  let file: SegmentFile
  let identity: SegmentWriter.Identity
  let content: StoreContent
  let anchor: JournalAnchor?

  /// Begins with the segment that `store` calls the newest, at a moment when it does.
  init(_ survey: DirectorySurvey) throws(SQLiteError) {
    var current = survey.newest
    while true {
      let file = try survey.open(current)
      try file.database.execute("PRAGMA query_only=1; BEGIN")
      // The transaction begins with its first read.
      let identity = try SegmentWriter.identity(file.database)
      // Nothing is stored in a later segment before `store` names it.
      let newest = survey.isInUse ? survey.newestNow() ?? current : current
      guard newest == current else {
        current = newest
        continue
      }
      number = current
      self.identity = identity
      anchor = identity.format > SegmentSchema.format ? nil : try JournalAnchor.find(in: file.database)
      content = try StoreContent(file.database, identity)
      self.file = file
      return
    }
  }
}

/// What the newest segment says of the whole store.
struct StoreContent {
  /// Those that exist, by their ids. Of their heads this has only what is in the segment's table of streams.
  var streams: [Int64: StreamInfo] = [:]
  /// Those that were deleted while the segment was the newest.
  var deleted: Set<Int64> = []
  /// No stream has had this id or a higher one.
  var nextStreamID: Int64 = 1
  var trimmedBelow: Int64 = 1

  init() {}

  init(_ database: borrowing Database, _ identity: SegmentWriter.Identity) throws(SQLiteError) {
    trimmedBelow = identity.trimmedBelow
    // Of a newer version nothing is known.
    guard identity.format <= SegmentSchema.format else { return }
    if identity.format >= SegmentSchema.removalsFormat {
      nextStreamID = try database.integer("SELECT next_stream FROM segment")
    }
    var removals = try SegmentWriter.removals(in: database, format: identity.format)
    var streams: [Int64: StreamInfo] = [:]
    var deleted: Set<Int64> = []
    try SegmentWriter.forEachStream(in: database) { stream, isDeleted in
      if isDeleted {
        deleted.insert(stream.id)
      } else {
        streams[stream.id] = stream
        streams[stream.id]?.removals = removals.removeValue(forKey: stream.id) ?? Removals()
      }
    }
    self.streams = streams
    self.deleted = deleted
    nextStreamID = max(nextStreamID, (streams.keys.max() ?? 0) + 1, (deleted.max() ?? 0) + 1)
  }

  /// What the newest segment that can be read says, where the newest of all cannot.
  static func substitute(_ survey: DirectorySurvey, without newest: Int64) -> StoreContent {
    var content = StoreContent()
    for number in survey.numbers.reversed() where number != newest {
      do throws(SQLiteError) {
        let file = try survey.open(number)
        content = try StoreContent(file.database, try SegmentWriter.identity(file.database))
        break
      } catch { continue }
    }
    // What retention has removed meanwhile is not known.
    content.trimmedBelow = survey.numbers.first ?? 1
    return content
  }
}
