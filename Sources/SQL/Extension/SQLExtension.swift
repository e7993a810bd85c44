internal import CSQLite
internal import LogsStore
internal import LogsText
internal import LogsWire

/// The tables of `logsd sql` in a connection of another program, which has loaded `logs.so`.
///
/// `logs_open('DIR')` adds them. They are eponymous, so a table of the program's own with the same name hides them.
@safe package enum SQLExtension {
  /// SQLite reads it until the last connection that has a table of it is closed.
  private static let module = TableModule()

  private static let functionName = "logs_open"

  /// Adds `logs_open` to a connection.
  ///
  /// - Parameters:
  ///   - routines: what SQLite hands to extensions: its functions.
  ///   - message: takes the reason of a failure, which SQLite frees.
  /// - Returns: SQLite's result code. The library is never unloaded: the runtime of Swift cannot be.
  package static func begin(
    _ connection: OpaquePointer?, _ message: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
    _ routines: UnsafeRawPointer?
  ) -> Int32 {
    guard let connection = unsafe connection, unsafe logs_sqlite_is_hosts(routines) != 0 else {
      // Two copies of SQLite on the same files in a process take away each other's locks
      // (https://www.sqlite.org/howtocorrupt.html, 2.2.1).
      unsafe message?.pointee = TableModule.copy(
        """
        this program has an SQLite of its own, and the tables of logs need the one in libsqlite3.so.0: use a program \
        that is linked with it, as Debian's sqlite3 and python3 are
        """)
      return SQLITE_ERROR
    }
    let flags = SQLITE_UTF8 | SQLITE_DIRECTONLY
    let code = unsafe sqlite3_create_function_v2(
      connection, functionName, 1, flags, nil, { context, _, values in unsafe SQLExtension.open(context, values) }, nil,
      nil, nil)
    return code == SQLITE_OK ? logs_sqlite_loaded_permanently() : code
  }

  private static func open(_ context: OpaquePointer?, _ values: UnsafeMutablePointer<OpaquePointer?>?) {
    let result = unsafe ColumnResult(context)
    guard let values = unsafe values, case .text(let directory) = unsafe SQLValue(values[0]) else {
      return result.fail("\(functionName) takes the data directory of a server, as text", code: SQLITE_ERROR)
    }
    guard let connection = unsafe sqlite3_context_db_handle(context) else { return }
    do throws(SQLFailure) {
      let store = try LiveStore(directory: directory.text)
      for table in store.tables() {
        let code = unsafe module.register(table, on: connection)
        guard code == SQLITE_OK else {
          return unsafe result.fail(String(cString: sqlite3_errmsg(connection)), code: code)
        }
      }
      result.set(store.summary)
    } catch {
      result.fail(error.description, code: TableModule.code(of: error))
    }
  }
}
