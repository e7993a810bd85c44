internal import LogsDisk

/// What retention removes at once: all segments below a number.
struct Trim: Sendable {
  enum Reason: Sendable {
    case age, size
    /// Too little is free on the disk.
    case disk

    var words: String {
      switch self {
      case .age: "since all in them is older than retention-age"
      case .size: "to stay below retention-size"
      case .disk: "to leave disk-min-free of the disk"
      }
    }

    /// Of single streams.
    var ruleWords: String {
      switch self {
      case .age: "since it is older than their rule of retention keeps it"
      case .size, .disk: "to stay below the size in their rule of retention"
      }
    }
  }

  /// The segments that go, oldest first.
  let segments: [Segment]
  /// The number of the oldest segment that stays.
  let below: Int64
  /// Where each stream began in it; a stream that is missing began later. Nil if that cannot be read.
  let beginnings: [Int64: StreamBeginning]?
  let reason: Reason
  let byteCount: Int
  /// When it was planned.
  let before: DiskRelief.Look
}

/// What was stored of a stream before some segment.
struct StreamBeginning: Hashable, Sendable {
  /// The first number in the segment.
  var next: UInt64
  var entryCount: UInt64
  var byteCount: UInt64

  /// What a segment says of the streams, by their ids.
  static func all(in database: borrowing Database) throws(SQLiteError) -> [Int64: StreamBeginning] {
    let statement = try database.prepare("SELECT id, next, entries, bytes FROM streams")
    var beginnings: [Int64: StreamBeginning] = [:]
    while try statement.step() {
      beginnings[statement.integer(0)] = StreamBeginning(
        next: UInt64(try statement.integer(1, in: 1...Int64.max)),
        entryCount: UInt64(try statement.integer(2, in: 0...Int64.max)),
        byteCount: UInt64(try statement.integer(3, in: 0...Int64.max)))
    }
    return beginnings
  }
}
