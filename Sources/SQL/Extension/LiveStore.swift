internal import Glibc
internal import LogsStore
internal import LogsSystem
internal import LogsWire

/// A data directory for a connection that stays open: each query sees what is stored when it begins.
///
/// A query has begun when one of its cursors is opened while no other is open. All its cursors then read the same.
final class LiveStore {
  private let directory: String
  private var source: EntrySource
  private var current: [any VirtualTable]
  private var openCursorCount = 0
  /// Why the last look at the directory failed.
  private var failure: SQLFailure?
  /// What was said last of what is not seen; nil once everything is.
  private var unseen: String?

  init(directory: String) throws(SQLFailure) {
    self.directory = directory
    source = try Self.look(directory)
    current = Self.tables(of: source)
    sayUnseen()
  }

  private static func look(_ directory: String) throws(SQLFailure) -> EntrySource {
    do throws(StoreError) {
      return EntrySource(try StoreReader(directory: directory), now: SystemClock.wall())
    } catch {
      throw SQLFailure(error)
    }
  }

  private static func tables(of source: EntrySource) -> [any VirtualTable] {
    [StreamsTable(source.store.streams), EntriesTable(source), CountsTable(source)]
  }

  var summary: String {
    "\(directory): \(Figures.count(source.store.streams.count, "stream", "streams")), "
      + Figures.count(source.entryCount, "entry", "entries")
  }

  /// What a connection has by their names.
  func tables() -> [LiveTable] { current.indices.map { LiveTable(self, at: $0) } }

  fileprivate func table(at index: Int) -> any VirtualTable { current[index] }

  fileprivate func cursor(at index: Int) -> LiveCursor {
    if openCursorCount == 0 {
      do throws(SQLFailure) {
        source = try Self.look(directory)
        current = Self.tables(of: source)
        failure = nil
        sayUnseen()
      } catch { failure = error }
    }
    openCursorCount += 1
    return LiveCursor(self, current[index].cursor(), failure: failure)
  }

  fileprivate func endCursor() {
    openCursorCount -= 1
    guard openCursorCount == 0 else { return }
    // There is no other place for them: the rows are right, but something is not among them.
    for note in source.notes { Self.say(note) }
  }

  private func sayUnseen() {
    if let unseen = source.store.unseen, unseen != self.unseen { Self.say(unseen) }
    unseen = source.store.unseen
  }

  private static func say(_ text: String) {
    let line = Array("logs: \(PrintableText.escaped(text))\n".utf8)
    // Nobody reads it anymore.
    do throws(SystemError) { try Descriptor.write(line, to: STDERR_FILENO) } catch { return }
  }
}

/// One of the tables, whichever `StoreReader` it reads from now.
final class LiveTable: VirtualTable {
  private let store: LiveStore
  private let index: Int
  let name: String
  let declaration: String

  fileprivate init(_ store: LiveStore, at index: Int) {
    (self.store, self.index) = (store, index)
    (name, declaration) = (store.table(at: index).name, store.table(at: index).declaration)
  }

  func plan(_ question: TableQuestion) -> TablePlan? { store.table(at: index).plan(question) }

  func cursor() -> any TableCursor { store.cursor(at: index) }

  func matches(_ row: AnyObject, _ pattern: SQLValue) throws(SQLFailure) -> Bool {
    try store.table(at: index).matches(row, pattern)
  }
}

/// A cursor that says when it is closed.
final class LiveCursor: TableCursor {
  private let store: LiveStore
  private let cursor: any TableCursor
  private let failure: SQLFailure?

  fileprivate init(_ store: LiveStore, _ cursor: any TableCursor, failure: SQLFailure?) {
    (self.store, self.cursor, self.failure) = (store, cursor, failure)
  }

  deinit { store.endCursor() }

  func begin(_ search: TableSearch) throws(SQLFailure) {
    if let failure { throw failure }
    try cursor.begin(search)
  }

  func next() throws(SQLFailure) { try cursor.next() }
  var isAtEnd: Bool { cursor.isAtEnd }
  func write(column: Int, to result: borrowing ColumnResult) throws(SQLFailure) {
    try cursor.write(column: column, to: result)
  }
  func rowID() throws(SQLFailure) -> Int64 { try cursor.rowID() }
}
