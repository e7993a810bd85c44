// Copy streams into the application's own SQLite database, each entry exactly once.
//
// Entries and cursor are committed in ONE transaction. A crash leaves both of a page or neither, and the next run
// continues from there. Two copies at a time do no harm: the second one finds that the cursor has moved, and reads
// again.
//
//     swift run SyncIntoDatabase logs.db 'docker/*'
import CSQLite
import Glibc
import LogsClient

/// A minimal database of the application.
struct Database {
  struct Failure: Error { let message: String }

  private let handle: OpaquePointer

  init(_ path: String) throws {
    var opened: OpaquePointer?
    guard sqlite3_open(path, &opened) == SQLITE_OK, let opened else { throw Failure(message: "cannot open \(path)") }
    handle = opened
    sqlite3_busy_timeout(handle, 10_000)
    try run(
      "CREATE TABLE IF NOT EXISTS entry(stream TEXT, sequence INTEGER, message TEXT, PRIMARY KEY(stream, sequence))")
    try run("CREATE TABLE IF NOT EXISTS sync(id INTEGER PRIMARY KEY CHECK (id = 1), cursor TEXT NOT NULL)")
  }

  /// Runs one statement with text for its parameters; the first column of the first row.
  @discardableResult
  func run(_ sql: String, _ values: [String] = []) throws -> String? {
    var statement: OpaquePointer?
    defer { sqlite3_finalize(statement) }
    var code = sqlite3_prepare_v2(handle, sql, -1, &statement, nil)
    if code == SQLITE_OK {
      for (index, value) in values.enumerated() {
        sqlite3_bind_text(statement, Int32(index + 1), value, Int32(value.utf8.count), logs_sqlite_transient())
      }
      code = sqlite3_step(statement)
    }
    guard code == SQLITE_ROW || code == SQLITE_DONE else {
      throw Failure(message: String(cString: sqlite3_errmsg(handle)))
    }
    return code == SQLITE_ROW ? sqlite3_column_text(statement, 0).map { String(cString: $0) } : nil
  }

  /// The end of the stored data.
  func cursor() throws -> LogCursor {
    try run("SELECT cursor FROM sync").map { try LogCursor(parsing: $0) } ?? LogCursor()
  }

  /// Stores a page that was read after `cursor`; false when something else has been stored since.
  func store(_ page: ReadPage, after cursor: LogCursor) throws -> Bool {
    try run("BEGIN IMMEDIATE")
    do {
      guard try self.cursor() == cursor else {
        try run("ROLLBACK")
        return false
      }
      for item in page.entries {
        try run(
          "INSERT INTO entry VALUES (?1, CAST(?2 AS INTEGER), ?3)",
          [item.stream.text, "\(item.entry.sequence)", item.entry.text])
      }
      try run("REPLACE INTO sync VALUES (1, ?1)", ["\(page.cursor)"])
      try run("COMMIT")
      return true
    } catch {
      // A COMMIT that failed may have ended the transaction by itself.
      if sqlite3_get_autocommit(handle) == 0 { try run("ROLLBACK") }
      throw error
    }
  }
}

let arguments = CommandLine.arguments.dropFirst()
let server = arguments.dropFirst(2).first ?? LogClientConfiguration.defaultServer
let database = try Database(arguments.first ?? "logs.db")
let selector = StreamSelector.pattern(try StreamPattern(arguments.dropFirst().first ?? "**"))
let client = try LogClient(LogClientConfiguration(servers: [server], name: "snippet"))

while true {
  let cursor = try database.cursor()
  let page = try await client.read([selector], after: cursor, limit: 500, wait: .seconds(60))
  guard page.cursor != cursor, try database.store(page, after: cursor) else { continue }
  print("\(page.entries.count) entries, up to \(page.cursor)")
  fflush(nil)
}
