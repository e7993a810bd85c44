internal import Glibc
internal import LogsDisk
internal import LogsSystem
internal import LogsText
internal import LogsWire

/// A SQLite database with the table `entries` of `logsd sql`, and what that leaves out, written in one transaction.
final class DatabaseExport {
  private let path: String
  private let database: Database
  private let insertion: Statement
  private var json = JSONWriter()
  private var clock = ClockText(.utc)

  /// The columns up to `attributes` have the names, types and values that they have in `logsd sql` (docs/sql.md), so
  /// that a query without MATCH gives the same rows; `counts` is that table, too.
  private static let schema = """
    CREATE TABLE entries (
      stream TEXT NOT NULL, seq INTEGER NOT NULL, time TEXT NOT NULL, time_ns INTEGER NOT NULL, received TEXT NOT NULL,
      received_ns INTEGER NOT NULL, level TEXT NOT NULL, severity INTEGER NOT NULL, source TEXT NOT NULL,
      kind TEXT NOT NULL, message TEXT NOT NULL, attributes TEXT NOT NULL,
      untimed INTEGER NOT NULL, source_bytes BLOB, message_bytes BLOB,
      PRIMARY KEY (stream, seq));
    CREATE VIEW counts AS
      SELECT stream, substr(time, 1, 16) AS minute, level, severity, count(*) AS entries FROM entries
      GROUP BY stream, substr(time, 1, 16), severity
    """

  /// - Throws: `CommandError` if the file is there already, or cannot be written.
  init(_ path: String) throws(CommandError) {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw errno == EEXIST
        ? CommandError("\(path) exists; name a new file, or remove it")
        : CommandError("cannot create \(path): \(SystemError.last.text)")
    }
    close(descriptor)
    self.path = path
    do throws(SQLiteError) {
      // A path that begins with "file:" is a path, too.
      database = try Database(path.hasPrefix("/") ? path : "./\(path)", mode: .readWrite, vfs: nil)
      try database.execute("BEGIN; \(Self.schema)")
      insertion = try database.prepare("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
    } catch {
      unsafe unlink(path)
      throw Self.failure(path, error)
    }
  }

  private static func failure(_ path: String, _ error: SQLiteError) -> CommandError {
    CommandError("cannot write \(path): \(error.text) (\(error.codeText))")
  }

  func write(_ entry: LogEntry, of stream: StreamName) throws(CommandError) {
    insertion.bind(1, stream.text)
    insertion.bind(2, bits: entry.sequence)
    bind(time: entry.effectiveTime, 3, 4)
    bind(time: entry.received, 5, 6)
    insertion.bind(7, entry.severity.levelName.description)
    insertion.bind(8, Int64(entry.severity.number))
    bind(entry.source, 9, bytes: 14)
    insertion.bind(10, entry.kind.description)
    bind(entry.message, 11, bytes: 15)
    json.removeAll()
    json.attributes(entry.attributes, form: .exact)
    insertion.bind(12, utf8: ByteString(json.bytes))
    insertion.bind(13, entry.time == 0 ? 1 : 0)
    do throws(SQLiteError) { try insertion.run() } catch { throw Self.failure(path, error) }
  }

  private func bind(time: Int64, _ text: Int32, _ number: Int32) {
    var shown: [UInt8] = []
    clock.appendSQL(time, to: &shown)
    insertion.bind(text, utf8: ByteString(shown))
    insertion.bind(number, time)
  }

  /// What is not UTF-8 has U+FFFD in its text, and stands beside it as it is.
  private func bind(_ content: ByteString, _ text: Int32, bytes: Int32) {
    if content.isText {
      insertion.bind(text, utf8: content)
      insertion.bindNull(bytes)
    } else {
      insertion.bind(text, content.text)
      insertion.bind(bytes, copying: content)
    }
  }

  func finish() throws(CommandError) {
    do throws(SQLiteError) { try database.execute("COMMIT") } catch { throw Self.failure(path, error) }
  }

  /// Removes the file.
  func giveUp() {
    // Its journal goes with the transaction.
    do throws(SQLiteError) { if database.isInTransaction { try database.execute("ROLLBACK") } } catch {}
    unsafe unlink(path)
  }
}
