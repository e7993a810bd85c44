internal import CSQLite
package import LogsStore
internal import LogsSystem
internal import LogsWire

/// A connection of SQLite with the tables of a store, on which only SELECT is allowed.
///
/// The database itself is empty and in memory. For one thread.
@safe package final class SQLConnection {
  private let handle: OpaquePointer
  private let module = TableModule()
  private let source: EntrySource
  private let limits: SQLLimits
  private let guardian = Guardian()

  /// What SQLite's hooks look at.
  private final class Guardian {
    var deadline = Int64.max
    /// What a query wanted to do that is not allowed.
    var refused: String?
    /// What kind of statement it is by its first word, if it is no SELECT: SQLite asks about its parts first, such as
    /// the INSERT into the schema that a CREATE is.
    var word: String?
  }

  /// - Parameter now: what times in filters are relative to, in ns since 1970.
  package init(_ store: StoreReader, limits: SQLLimits = SQLLimits(), now: Int64 = SystemClock.wall())
    throws(SQLFailure)
  {
    self.limits = limits
    source = EntrySource(store, now: now)
    var opened = unsafe OpaquePointer?.none
    let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
    let code = unsafe sqlite3_open_v2(":memory:", &opened, flags, nil)
    guard let opened = unsafe opened else { throw SQLFailure(.limit, "SQLite has no memory for a connection") }
    unsafe handle = opened
    try check(code)
    try restrict()
    for table in [StreamsTable(store.streams), EntriesTable(source), CountsTable(source)] as [any VirtualTable] {
      try check(unsafe module.register(table, on: handle))
    }
    // SQLite connects to a table when it is first used, for which it declares columns: before that is refused. Other
    // tables of its own stay out of reach.
    for name in ["streams", "entries", "counts", "json_each", "json_tree"] {
      try check(unsafe sqlite3_exec(handle, "SELECT 1 FROM \(name) LIMIT 0", nil, nil, nil))
    }
    try watch()
  }

  deinit { unsafe sqlite3_close_v2(handle) }

  /// What has to be said beside the rows of the queries so far: ranges that are lost.
  package var notes: [String] { source.notes }

  private func check(_ code: Int32) throws(SQLFailure) {
    guard code != SQLITE_OK else { return }
    throw SQLFailure(.store, unsafe "SQLite cannot be set up: \(String(cString: sqlite3_errmsg(handle)))")
  }

  /// As https://www.sqlite.org/security.html has it for SQL of strangers.
  private func restrict() throws(SQLFailure) {
    try check(unsafe logs_sqlite_restrict(handle))
    for (limit, value) in [
      (SQLITE_LIMIT_LENGTH, SQLLimits.valueByteCountMax), (SQLITE_LIMIT_SQL_LENGTH, SQLLimits.textByteCountMax),
      (SQLITE_LIMIT_COLUMN, SQLLimits.columnCountMax), (SQLITE_LIMIT_EXPR_DEPTH, SQLLimits.expressionDepthMax),
      (SQLITE_LIMIT_COMPOUND_SELECT, SQLLimits.compoundCountMax), (SQLITE_LIMIT_VDBE_OP, SQLLimits.instructionCountMax),
      (SQLITE_LIMIT_FUNCTION_ARG, SQLLimits.argumentCountMax), (SQLITE_LIMIT_ATTACHED, 0),
      (SQLITE_LIMIT_LIKE_PATTERN_LENGTH, SQLLimits.patternByteCountMax), (SQLITE_LIMIT_VARIABLE_NUMBER, 0),
      (SQLITE_LIMIT_TRIGGER_DEPTH, 0), (SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
      unsafe sqlite3_limit(handle, limit, value)
    }
    // Sorting takes memory, which has a limit, and no file.
    try check(unsafe sqlite3_exec(handle, "PRAGMA temp_store=MEMORY", nil, nil, nil))
  }

  /// Refuses everything but SELECT, and ends what takes too long.
  private func watch() throws(SQLFailure) {
    let context = unsafe Unmanaged.passUnretained(guardian).toOpaque()
    try check(
      unsafe sqlite3_set_authorizer(
        handle,
        { context, action, first, second, _, _ in
          unsafe SQLConnection.authorize(context, action, first, second)
        }, context))
    unsafe sqlite3_progress_handler(
      handle, Self.progressInterval,
      { context in
        guard let context = unsafe context else { return 0 }
        let guardian = unsafe Unmanaged<Guardian>.fromOpaque(context).takeUnretainedValue()
        return SystemClock.monotonic() >= guardian.deadline ? 1 : 0
      }, context)
  }

  /// Steps of SQLite between two looks at the clock.
  private static let progressInterval: Int32 = 10_000

  private static func authorize(
    _ context: UnsafeMutableRawPointer?, _ action: Int32, _ first: UnsafePointer<CChar>?,
    _ second: UnsafePointer<CChar>?
  ) -> Int32 {
    let name = unsafe second.map { unsafe String(cString: $0) } ?? ""
    switch action {
    case SQLITE_SELECT, SQLITE_READ, SQLITE_RECURSIVE: return SQLITE_OK
    // The second takes and shows addresses in memory.
    case SQLITE_FUNCTION where !["load_extension", "fts3_tokenizer"].contains(name.lowercased()): return SQLITE_OK
    default: break
    }
    if let context = unsafe context {
      let guardian = unsafe Unmanaged<Guardian>.fromOpaque(context).takeUnretainedValue()
      guardian.refused = action == SQLITE_FUNCTION ? name : actions[action] ?? "this"
    }
    return SQLITE_DENY
  }

  private static let actions: [Int32: String] = [
    SQLITE_INSERT: "INSERT", SQLITE_UPDATE: "UPDATE", SQLITE_DELETE: "DELETE", SQLITE_PRAGMA: "PRAGMA",
    SQLITE_ATTACH: "ATTACH", SQLITE_DETACH: "DETACH", SQLITE_TRANSACTION: "BEGIN, COMMIT and ROLLBACK",
    SQLITE_SAVEPOINT: "SAVEPOINT", SQLITE_CREATE_TABLE: "CREATE", SQLITE_CREATE_TEMP_TABLE: "CREATE",
    SQLITE_CREATE_VIEW: "CREATE", SQLITE_CREATE_TEMP_VIEW: "CREATE", SQLITE_CREATE_VTABLE: "CREATE",
    SQLITE_DROP_TABLE: "DROP", SQLITE_DROP_VTABLE: "DROP", SQLITE_ALTER_TABLE: "ALTER", SQLITE_ANALYZE: "ANALYZE",
    SQLITE_REINDEX: "REINDEX",
  ]

  /// Runs one SELECT.
  ///
  /// - Throws: also after some rows have been visited: the rows so far are then not all.
  package func query(
    _ text: String, columns: ([String]) throws(SQLFailure) -> Void, row visit: ([SQLValue]) throws(SQLFailure) -> Void
  ) throws(SQLFailure) {
    let duration = limits.durationMax.nanoseconds
    guardian.deadline = SystemClock.monotonic().addingReportingOverflow(duration).partialValue
    source.deadline = guardian.deadline
    guardian.refused = nil
    guardian.word = Self.kind(of: text)
    let statement = unsafe try prepare(text)
    defer { unsafe sqlite3_finalize(statement) }
    let count = unsafe sqlite3_column_count(statement)
    guard count > 0 else { throw SQLFailure(.query, Self.refusal(guardian.word ?? "this")) }
    try columns((0..<count).map { unsafe sqlite3_column_name(statement, $0).map { unsafe String(cString: $0) } ?? "" })
    var rowCount = 0
    while true {
      switch unsafe sqlite3_step(statement) {
      case SQLITE_ROW:
        rowCount += 1
        guard rowCount <= limits.rowCountMax else {
          throw SQLFailure(.limit, "there are more than \(Figures.grouped(UInt64(limits.rowCountMax))) rows")
        }
        try visit((0..<count).map { unsafe SQLValue(sqlite3_column_value(statement, $0)) })
      case SQLITE_DONE: return
      case let code: throw failure(code)
      }
    }
  }

  /// - Returns: the only statement of the text.
  private func prepare(_ text: String) throws(SQLFailure) -> OpaquePointer {
    guard !text.utf8.contains(0) else { throw SQLFailure(.query, "the query has a NUL in it") }
    var statement = unsafe OpaquePointer?.none
    var restCount = 0
    let code = unsafe text.withCString { start in
      var rest = unsafe UnsafePointer<CChar>?.none
      let code = unsafe sqlite3_prepare_v3(handle, start, -1, 0, &statement, &rest)
      // What follows may be space, comments and semicolons, of which SQLite makes no statement.
      var next = unsafe OpaquePointer?.none
      while code == SQLITE_OK, let tail = unsafe rest, unsafe tail.pointee != 0, unsafe next == nil, restCount == 0 {
        if unsafe sqlite3_prepare_v3(handle, tail, -1, 0, &next, &rest) != SQLITE_OK || next != nil { restCount = 1 }
      }
      unsafe sqlite3_finalize(next)
      return code
    }
    guard code == SQLITE_OK else { throw failure(code) }
    guard let statement = unsafe statement else { throw SQLFailure(.query, "there is no query; write a SELECT") }
    guard restCount == 0 else {
      unsafe sqlite3_finalize(statement)
      throw SQLFailure(.query, "there is something behind the first query; run one at a time")
    }
    return unsafe statement
  }

  /// The first word of a statement that changes something, behind spaces and comments.
  private static func kind(of text: String) -> String? {
    var rest = text[...]
    while true {
      rest = rest.drop { $0.isWhitespace || $0 == ";" }
      if rest.hasPrefix("--") {
        rest = rest.drop { !$0.isNewline }
      } else if rest.hasPrefix("/*"), let end = rest.firstRange(of: "*/") {
        rest = rest[end.upperBound...]
      } else {
        break
      }
    }
    let word = rest.prefix { $0.isASCII && $0.isLetter }.uppercased()
    return statements.contains(word) ? word : nil
  }

  private static let statements: Set<String> = [
    "ALTER", "ANALYZE", "ATTACH", "BEGIN", "COMMIT", "CREATE", "DELETE", "DETACH", "DROP", "END", "INSERT", "PRAGMA",
    "REINDEX", "RELEASE", "REPLACE", "ROLLBACK", "SAVEPOINT", "UPDATE", "VACUUM",
  ]

  private static func refusal(_ what: String) -> String {
    "\(what) is not allowed: only SELECT is, which changes nothing"
  }

  private func failure(_ code: Int32) -> SQLFailure {
    let text = unsafe String(cString: sqlite3_errmsg(handle))
    let offset = unsafe sqlite3_error_offset(handle)
    switch code & 0xff {
    case SQLITE_AUTH:
      return SQLFailure(.query, Self.refusal(guardian.word ?? guardian.refused ?? "this"))
    case SQLITE_INTERRUPT: return EntrySource.overdue
    case SQLITE_NOMEM: return SQLFailure(.limit, "the query takes more memory than it may")
    case SQLITE_TOOBIG: return SQLFailure(.limit, text)
    case SQLITE_IOERR: return SQLFailure(.store, text)
    default: return SQLFailure(.query, offset >= 0 ? "\(text), at byte \(offset + 1) of the query" : text)
    }
  }
}
