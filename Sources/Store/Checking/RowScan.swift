internal import LogsDisk

/// Reads the rows of `runs` by their ids, past those that cannot be read.
struct RowScan {
  /// What `visit` finds: those of `SegmentRow`, then `id`.
  private let columns: String
  static let idColumn = SegmentRow.columnCount
  private let path: String
  private let ids: Int64

  /// How far behind the last row that can be read others are looked for, where no index says.
  private static let blindIDCount: Int64 = 10_000
  /// A row takes this many bytes at least: the kinds of its 12 columns, its id, its length, and where it begins.
  private static let rowByteCountMin: Int64 = 16

  init(_ database: borrowing Database) throws(SQLiteError) {
    path = database.path
    columns = "\(SegmentRow.columns(try RowPacking(of: database))), id"
    ids = Self.highestID(database)
  }

  /// By the table, or by the indexes that name its rows; 0 if neither can be read. Rows are numbered from 1 on, without
  /// gaps, so that damage cannot make it higher than the file has room for: all ids up to it may have to be tried.
  private static func highestID(_ database: borrowing Database) -> Int64 {
    let sources = [
      "SELECT max(id) FROM runs",
      "SELECT max(rowid) FROM (SELECT rowid, first_seq FROM runs INDEXED BY \(SegmentSchema.finalIndex))",
      "SELECT max(run) FROM \(SegmentSchema.runIndex)",
    ]
    var highest: Int64 = 0
    for source in sources {
      do throws(SQLiteError) { highest = max(highest, try database.integer(source)) } catch { continue }
    }
    do throws(SQLiteError) {
      let byteCount = try database.integer("PRAGMA page_count") * database.integer("PRAGMA page_size")
      return min(highest, byteCount / rowByteCountMin)
    } catch {
      return 0
    }
  }

  /// Calls `visit` with each row that can be read, ascending.
  ///
  /// - Parameter unreadable: called with each range of ids that cannot, and why.
  /// - Throws: only what is no damage.
  func run(
    _ database: borrowing Database, visit: (borrowing Statement) throws(SQLiteError) -> Void,
    unreadable: (ClosedRange<Int64>, SQLiteError) -> Void
  ) throws(SQLiteError) {
    var last: Int64 = 0
    var limit = ids
    while true {
      let problem: SQLiteError
      do throws(SQLiteError) {
        let rows = try database.prepare("SELECT \(columns) FROM runs NOT INDEXED WHERE id > ?1 ORDER BY id")
        rows.bind(1, last)
        while try rows.step() {
          let id = rows.integer(Self.idColumn)
          // Damage can lead a scan in a circle.
          guard id > last else { throw SQLiteError(damage: "rows are out of order behind \(last)", path: path) }
          last = id
          try visit(rows)
        }
        return
      } catch {
        guard error.isLoss else { throw error }
        problem = error
      }
      if limit <= last { limit = last + Self.blindIDCount }
      guard let next = try self.next(database, behind: last, through: limit) else {
        if limit > last { unreadable(last + 1...limit, problem) }
        return
      }
      if next > last + 1 { unreadable(last + 1...next - 1, problem) }
      last = next - 1
    }
  }

  /// The first row behind `last` that can be read.
  private func next(
    _ database: borrowing Database, behind last: Int64, through limit: Int64
  ) throws(SQLiteError) -> Int64? {
    // The one behind the last is what the scan has failed at.
    guard last < limit - 1 else { return nil }
    do throws(SQLiteError) {
      let row = try database.prepare("SELECT \(columns) FROM runs WHERE id = ?1")
      for id in last + 2...limit where try Self.isReadable(id, row) { return id }
    } catch {
      guard error.isLoss else { throw error }
    }
    return nil
  }

  private static func isReadable(_ id: Int64, _ row: borrowing Statement) throws(SQLiteError) -> Bool {
    defer { row.reset() }
    row.bind(1, id)
    do throws(SQLiteError) {
      return try row.step() && row.integer(idColumn) == id
    } catch {
      guard error.isLoss else { throw error }
      return false
    }
  }
}
