internal import CSQLite
package import LogsWire

/// One prepared statement. Parameters count from 1, columns from 0, as in SQLite.
@safe package struct Statement: ~Copyable {
  private let handle: OpaquePointer
  private let path: String

  /// See `Database.prepare`.
  init(_ sql: String, on database: OpaquePointer, path: String) throws(SQLiteError) {
    var prepared = unsafe OpaquePointer?.none
    let code = unsafe sqlite3_prepare_v3(database, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
    guard code == SQLITE_OK else {
      let error = unsafe SQLiteError(
        code: code, text: String(cString: sqlite3_errmsg(database)), path: path,
        systemError: sqlite3_system_errno(database))
      throw error.primaryCode == SQLITE_ERROR ? SQLiteError(damage: error.text, path: path) : error
    }
    guard let prepared = unsafe prepared else { preconditionFailure("SQL text holds a statement: \(sql)") }
    unsafe handle = prepared
    self.path = path
  }

  /// Prepares a statement on the same database.
  package func prepareAnother(_ sql: String) throws(SQLiteError) -> Statement {
    guard let database = unsafe sqlite3_db_handle(handle) else { preconditionFailure("a statement has a database") }
    return try unsafe Statement(sql, on: database, path: path)
  }

  deinit { unsafe sqlite3_finalize(handle) }

  package func bind(_ index: Int32, _ value: Int64) {
    // Binding fails only for a wrong index or without memory.
    let code = unsafe sqlite3_bind_int64(handle, index, value)
    precondition(code == SQLITE_OK, "parameter \(index) cannot be bound")
  }

  package func bindNull(_ index: Int32) {
    let code = unsafe sqlite3_bind_null(handle, index)
    precondition(code == SQLITE_OK, "parameter \(index) cannot be bound")
  }

  /// A bit pattern: SQLite has only signed integers.
  package func bind(_ index: Int32, bits value: UInt64) { bind(index, Int64(bitPattern: value)) }

  package func bind(_ index: Int32, _ text: String) {
    let code = unsafe sqlite3_bind_text(handle, index, text, -1, logs_sqlite_transient())
    precondition(code == SQLITE_OK, "parameter \(index) cannot be bound")
  }

  /// Binds a copy of text that may hold NULs.
  package func bind(_ index: Int32, utf8 text: ByteString) {
    let code = unsafe text.withUnsafeBytes {
      unsafe sqlite3_bind_text64(
        handle, index, $0.baseAddress?.assumingMemoryBound(to: CChar.self), UInt64($0.count),
        logs_sqlite_transient(), UInt8(SQLITE_UTF8))
    }
    precondition(code == SQLITE_OK, "parameter \(index) cannot be bound")
  }

  /// Binds a copy of `bytes`.
  package func bind(_ index: Int32, copying bytes: ByteString) {
    let code = unsafe bytes.withUnsafeBytes {
      unsafe sqlite3_bind_blob64(handle, index, $0.baseAddress, UInt64($0.count), logs_sqlite_transient())
    }
    precondition(code == SQLITE_OK, "parameter \(index) cannot be bound")
  }

  /// Runs the statement to its end with `bytes` as parameter `index`, without copying them, and resets it.
  package func run(_ index: Int32, _ bytes: ByteString) throws(SQLiteError) {
    let result: Result<Void, SQLiteError> = unsafe bytes.withUnsafeBytes { buffer in
      let code = unsafe sqlite3_bind_blob64(
        handle, index, buffer.baseAddress, UInt64(buffer.count), logs_sqlite_static())
      precondition(code == SQLITE_OK, "parameter \(index) cannot be bound")
      do throws(SQLiteError) {
        try run()
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    // The address is valid only while `bytes` is: nothing may stay bound to it.
    unsafe sqlite3_clear_bindings(handle)
    try result.get()
  }

  /// Runs to the end and resets.
  package func run() throws(SQLiteError) {
    defer { reset() }
    while try step() {}
  }

  /// Whether there is a (next) row. An error resets the statement.
  package func step() throws(SQLiteError) -> Bool {
    let code = unsafe sqlite3_step(handle)
    switch code {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default:
      let database = unsafe sqlite3_db_handle(handle)
      let error = unsafe SQLiteError(
        code: code, text: String(cString: sqlite3_errmsg(database)), path: path,
        systemError: sqlite3_system_errno(database))
      reset()
      throw error
    }
  }

  /// Ends the statement's own transaction, if it has one. Any error it returns is the one that `step` threw.
  package func reset() { unsafe sqlite3_reset(handle) }

  package func isNull(_ column: Int32) -> Bool { unsafe sqlite3_column_type(handle, column) == SQLITE_NULL }
  package func integer(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(handle, column) }
  package func bits(_ column: Int32) -> UInt64 { UInt64(bitPattern: integer(column)) }

  /// A value that is always within `range` unless the file is damaged.
  package func integer(_ column: Int32, in range: ClosedRange<Int64>) throws(SQLiteError) -> Int64 {
    let value = integer(column)
    guard range.contains(value) else {
      let name = unsafe sqlite3_column_name(handle, column).map { unsafe String(cString: $0) } ?? "a column"
      throw SQLiteError(damage: "\(name) is \(value), which it cannot be", path: path)
    }
    return value
  }

  /// The range of numbers given by a column with the first and one with the count.
  package func numbers(first: Int32, span: Int32) throws(SQLiteError) -> ClosedRange<UInt64> {
    let firstNumber = try integer(first, in: 1...Int64.max)
    let count = try integer(span, in: 1...Int64.max - firstNumber + 1)
    return UInt64(firstNumber)...UInt64(firstNumber + (count - 1))
  }

  package func text(_ column: Int32) -> String {
    guard let text = unsafe sqlite3_column_text(handle, column) else { return "" }
    return unsafe String(cString: text)
  }

  /// A copy of the column's bytes.
  package func bytes(_ column: Int32) -> ByteString {
    // The address first: asking for it may change the length (https://www.sqlite.org/c3ref/column_blob.html).
    let base = unsafe sqlite3_column_blob(handle, column)
    let count = Int(unsafe sqlite3_column_bytes(handle, column))
    guard let base = unsafe base else { return ByteString() }
    return unsafe ByteString(copying: RawSpan(_unsafeStart: base, byteCount: count))
  }
}
