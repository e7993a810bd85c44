import CSQLite
import LogsStore
import LogsText
import LogsWire

@testable import LogsSQL

/// The same entries in a table of SQLite's own, which knows nothing of what a store knows.
final class PlainTable {
  private let handle: OpaquePointer

  init(of directory: String) throws {
    var opened: OpaquePointer?
    precondition(sqlite3_open(":memory:", &opened) == SQLITE_OK)
    handle = opened!
    run(
      """
      CREATE TABLE entries(
        stream TEXT, seq INTEGER, time TEXT, time_ns INTEGER, received TEXT, received_ns INTEGER, level TEXT,
        severity INTEGER, source TEXT, kind TEXT, message TEXT, attributes TEXT);
      BEGIN
      """)
    let store = try StoreReader(directory: directory)
    var decoder = BatchDecoder()
    for stream in store.streams {
      for numbers in stream.keptRanges {
        var position = numbers.lowerBound
        while position <= numbers.upperBound {
          let result = try store.read(ReadRequest(stream: stream.id, from: position, to: numbers.upperBound))
          position = result.next
          for case .batches(let run) in result.pieces {
            for batch in try Batch.run(run.batches) {
              for entry in try decoder.entries(of: batch) where numbers.contains(entry.sequence) {
                insert(entry, stream.name.text)
              }
            }
          }
        }
      }
    }
    run("COMMIT")
  }

  deinit { sqlite3_close(handle) }

  private func run(_ text: String) {
    precondition(sqlite3_exec(handle, text, nil, nil, nil) == SQLITE_OK, String(cString: sqlite3_errmsg(handle)))
  }

  private func insert(_ entry: LogEntry, _ stream: String) {
    // SQLite's own arithmetic and calendar.
    func time(_ parameter: Int) -> String {
      """
      strftime('%Y-%m-%d %H:%M:%S', ?\(parameter) / 1000000000, 'unixepoch')
      || printf('.%09d', ?\(parameter) % 1000000000)
      """
    }
    var statement: OpaquePointer?
    let text = """
      INSERT INTO entries VALUES(?1, ?2, \(time(3)), ?3, \(time(4)), ?4, ?5, ?6, ?7, ?8, ?9, ?10)
      """
    precondition(sqlite3_prepare_v2(handle, text, -1, &statement, nil) == SQLITE_OK)
    defer { sqlite3_finalize(statement) }
    func bind(_ index: Int32, _ text: String) {
      let bytes = Array(text.utf8)
      sqlite3_bind_text64(
        statement, index, bytes.map { CChar(bitPattern: $0) } + [0], UInt64(bytes.count), logs_sqlite_transient(),
        UInt8(SQLITE_UTF8))
    }
    var json = JSONWriter()
    json.attributes(entry.attributes)
    bind(1, stream)
    sqlite3_bind_int64(statement, 2, Int64(entry.sequence))
    sqlite3_bind_int64(statement, 3, entry.effectiveTime)
    sqlite3_bind_int64(statement, 4, entry.received)
    bind(5, "\(entry.severity.levelName)")
    sqlite3_bind_int64(statement, 6, Int64(entry.severity.number))
    bind(7, entry.source.text)
    bind(8, entry.kind.description)
    bind(9, entry.message.text)
    bind(10, String(decoding: json.bytes, as: UTF8.self))
    precondition(sqlite3_step(statement) == SQLITE_DONE, String(cString: sqlite3_errmsg(handle)))
  }

  func rows(_ query: String) throws -> [[String]] {
    var statement: OpaquePointer?
    guard sqlite3_prepare_v2(handle, query, -1, &statement, nil) == SQLITE_OK else {
      throw SQLFailure(.query, String(cString: sqlite3_errmsg(handle)))
    }
    defer { sqlite3_finalize(statement) }
    var rows: [[String]] = []
    while true {
      switch sqlite3_step(statement) {
      case SQLITE_ROW:
        rows.append(
          (0..<sqlite3_column_count(statement)).map { SQLValue(sqlite3_column_value(statement, $0)).shown })
      case SQLITE_DONE: return rows
      default: throw SQLFailure(.query, String(cString: sqlite3_errmsg(handle)))
      }
    }
  }
}
