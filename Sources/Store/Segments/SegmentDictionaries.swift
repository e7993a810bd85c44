internal import LogsDisk
internal import LogsWire

/// The dictionaries of a segment (`spec/storage.md`, section 3.12): in a compacted one at most one for a stream, which
/// its batches refer to; in others at most one that packed rows refer to. Each is stored twice, since without it
/// nothing of that can be read.
final class SegmentDictionaries {
  static let tables = ["dictionaries", "dictionary_copies"]

  /// Creates one of the tables. The second one is created when there is something to put into it: a table begins where
  /// the file ended then, and what damages one is not to damage both.
  static func schema(of table: String) -> String {
    """
    CREATE TABLE IF NOT EXISTS \(table)(
      stream INTEGER PRIMARY KEY,
      id INTEGER NOT NULL,
      length INTEGER NOT NULL,
      content BLOB NOT NULL
    );
    """
  }

  /// Creates and fills the second table.
  static let copyText = "\(schema(of: tables[1])) INSERT INTO \(tables[1]) SELECT * FROM \(tables[0])"

  /// One for each table that there is.
  private var lookups: [Lookup]
  private let cache: DictionaryCache?
  private var latest: (stream: Int64, dictionary: BatchDictionary?)?

  /// - Returns: nil if the segment has no such table.
  convenience init?(_ database: borrowing Database, _ cache: DictionaryCache? = nil) throws(SQLiteError) {
    var lookups: [Lookup] = []
    for table in Self.tables where try SegmentSchema.has(table, database) {
      lookups.append(Lookup(table, try database.prepare(Self.text(table))))
    }
    self.init(lookups, cache)
  }

  /// - Returns: nil if the segment has no such table.
  convenience init?(_ database: any SQLRunner) throws(SQLiteError) {
    var lookups: [Lookup] = []
    for table in Self.tables where try SegmentSchema.has(table, database) {
      lookups.append(Lookup(table, try database.prepare(Self.text(table))))
    }
    self.init(lookups, nil)
  }

  private init?(_ lookups: [Lookup], _ cache: DictionaryCache?) {
    if lookups.isEmpty { return nil }
    self.lookups = lookups
    self.cache = cache
  }

  private final class Lookup {
    let table: String
    let statement: Statement
    init(_ table: String, _ statement: consuming Statement) {
      self.table = table
      self.statement = statement
    }
  }

  /// What the one of packed rows has instead of a stream's id.
  static let rowsKey: Int64 = 0

  private static func text(_ table: String) -> String { "SELECT id, length, content FROM \(table) WHERE stream = ?1" }

  /// The dictionary of a stream's batches; nil if there is none that is whole.
  ///
  /// - Throws: if that is not known, because the disk cannot read it.
  func dictionary(of stream: Int64) throws(SQLiteError) -> BatchDictionary? {
    if let latest, latest.stream == stream { return latest.dictionary }
    let found = try find(stream)
    latest = (stream, found)
    return found
  }

  /// The dictionary that packed rows may refer to; nil if there is none that is whole. In a segment that grows there
  /// may be one later.
  ///
  /// - Throws: as `dictionary`.
  func ofRows() throws(SQLiteError) -> BatchDictionary? {
    try addLaterTables()
    return try find(Self.rowsKey)
  }

  /// Takes up tables that were not there at first.
  private func addLaterTables() throws(SQLiteError) {
    guard let known = lookups.first, lookups.count < Self.tables.count else { return }
    for table in Self.tables where !lookups.contains(where: { $0.table == table }) {
      guard try SegmentSchema.has(table, on: known.statement) else { continue }
      lookups.append(Lookup(table, try known.statement.prepareAnother(Self.text(table))))
    }
  }

  private func find(_ key: Int64) throws(SQLiteError) -> BatchDictionary? {
    var failure: SQLiteError?
    var isMissing = false
    for lookup in lookups {
      do throws(SQLiteError) {
        switch try Self.read(key, lookup.statement, cache) {
        case .found(let dictionary): return dictionary
        case .missing: isMissing = true
        case .damaged: break
        }
      } catch {
        // Where the file's structure is damaged, there is none: what does without it can still be read.
        if !error.isDamage { failure = error }
      }
    }
    // Most streams have none: they must not depend on both tables.
    if let failure, !isMissing { throw failure }
    return nil
  }

  private enum Row {
    case found(BatchDictionary)
    case damaged
    case missing
  }

  private static func read(
    _ key: Int64, _ statement: borrowing Statement, _ cache: DictionaryCache?
  ) throws(SQLiteError) -> Row {
    defer { statement.reset() }
    statement.bind(1, key)
    guard try statement.step() else { return .missing }
    if let known = cache?[statement.bits(0)] { return .found(known) }
    guard let dictionary = dictionary(statement) else { return .damaged }
    cache?.add(dictionary)
    return .found(dictionary)
  }

  /// The streams that a table names, and those of which it has no whole dictionary; none where there is no table.
  static func streams(
    in table: String, _ database: borrowing Database
  ) throws(SQLiteError) -> (all: Set<Int64>, damaged: Set<Int64>) {
    var (all, damaged) = (Set<Int64>(), Set<Int64>())
    guard try SegmentSchema.has(table, database) else { return (all, damaged) }
    let statement = try database.prepare("SELECT id, length, content, stream FROM \(table) ORDER BY stream")
    while try statement.step() {
      let stream = statement.integer(3)
      all.insert(stream)
      if dictionary(statement) == nil { damaged.insert(stream) }
    }
    return (all, damaged)
  }

  /// Those that are whole, of whatever can be read, and whether each is the one of packed rows.
  static func whole(in database: borrowing Database) -> [(dictionary: BatchDictionary, isOfRows: Bool)] {
    var found: [(dictionary: BatchDictionary, isOfRows: Bool)] = []
    for table in tables {
      do {
        guard try SegmentSchema.has(table, database) else { continue }
        let statement = try database.prepare("SELECT id, length, content, stream FROM \(table)")
        while try statement.step() {
          if let dictionary = dictionary(statement) { found.append((dictionary, statement.integer(3) == rowsKey)) }
        }
      } catch {
        // The other table may be whole.
        continue
      }
    }
    return found
  }

  /// - Parameter statement: at a row of `id`, `length` and `content`.
  private static func dictionary(_ statement: borrowing Statement) -> BatchDictionary? {
    do throws(WireDecodingError) {
      return try BatchDictionary(
        statement.bits(0), packed: statement.bytes(2), byteCount: Int(clamping: statement.integer(1)))
    } catch { return nil }
  }

  /// What a segment that grows has of a dictionary for packed rows.
  enum RowDictionary {
    /// There is no table for it, or what is there cannot be trusted.
    case impossible
    case none
    case single(BatchDictionary)
    case copied(BatchDictionary)
  }

  static func rowDictionary(in database: borrowing Database) throws(SQLiteError) -> RowDictionary {
    guard let dictionaries = try SegmentDictionaries(database) else { return .impossible }
    var found: [Row] = []
    do throws(SQLiteError) {
      for table in tables {
        let lookup = dictionaries.lookups.first { $0.table == table }
        found.append(
          try lookup.map { lookup throws(SQLiteError) in try read(rowsKey, lookup.statement, nil) } ?? .missing)
      }
    } catch {
      // Not for this: rows can do without.
      guard error.isLoss else { throw error }
      return .impossible
    }
    switch (found.first, found.last) {
    case (.missing, .missing): return .none
    case (.found(let dictionary), .missing): return .single(dictionary)
    case (.found(let dictionary), .found(let copy)) where dictionary == copy: return .copied(dictionary)
    default: return .impossible
    }
  }

  /// Writes one into a table.
  ///
  /// - Parameter stream: a stream's id, or `rowsKey`.
  static func insert(
    _ dictionary: BatchDictionary, of stream: Int64, into table: String, _ database: borrowing Database
  ) throws(SQLiteError) {
    let statement = try database.prepare("INSERT OR REPLACE INTO \(table) VALUES(?1, ?2, ?3, ?4)")
    statement.bind(1, stream)
    statement.bind(2, bits: dictionary.id)
    statement.bind(3, Int64(dictionary.byteCount))
    try statement.run(4, dictionary.packed)
  }
}
