internal import Glibc
internal import LogsDisk
internal import LogsSystem
internal import LogsText
internal import LogsWire

/// A SQLite database with one table of entries, written in one transaction.
final class DatabaseExport {
  private let path: String
  private let database: Database
  private let insertion: Statement
  private var json = JSONWriter()

  /// Fields in the forms that `--jsonl` gives them. What is not UTF-8 is a BLOB.
  private static let schema = """
    CREATE TABLE entries (
      stream TEXT NOT NULL, seq INTEGER NOT NULL, time TEXT, received TEXT NOT NULL, severity INTEGER NOT NULL,
      level TEXT NOT NULL, source TEXT NOT NULL, message TEXT NOT NULL, attributes TEXT NOT NULL, kind TEXT NOT NULL,
      PRIMARY KEY (stream, seq))
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
      insertion = try database.prepare("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
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
    if entry.time == 0 { insertion.bindNull(3) } else { insertion.bind(3, Timestamp.rfc3339(entry.time)) }
    insertion.bind(4, Timestamp.rfc3339(entry.received))
    insertion.bind(5, Int64(entry.severity.number))
    insertion.bind(6, entry.severity.description)
    bind(7, entry.source)
    bind(8, entry.message)
    json.removeAll()
    json.exported(entry.attributes)
    insertion.bind(9, utf8: ByteString(json.bytes))
    insertion.bind(10, entry.kind.description)
    do throws(SQLiteError) { try insertion.run() } catch { throw Self.failure(path, error) }
  }

  private func bind(_ index: Int32, _ bytes: ByteString) {
    if bytes.isText { insertion.bind(index, utf8: bytes) } else { insertion.bind(index, copying: bytes) }
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
