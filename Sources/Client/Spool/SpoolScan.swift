internal import LogsWire

/// Finds the rows in the pages of a database, without relying on its trees.
///
/// Every leaf page of a table is read by itself. Only current rows are found: removed ones are overwritten with zeros
/// (`secure_delete`). A row is recognized by its shape and its check.
struct SpoolScan {
  enum Found {
    case batch(SpoolRow)
    case record(SpoolRecord)
    case bookmark(SpoolBookmark)
    /// A place with a row that cannot be read.
    case damaged(page: Int)
  }

  private static let columnCounts: Set<Int> = [4, 7, 10]
  /// A table's b-tree leaf.
  private static let leafType: UInt8 = 0x0d
  private static let leafHeaderByteCount = 8
  private static let databaseHeaderByteCount = 100
  /// More than any row takes.
  private static let rowByteCountMax = Limits.batchStoredByteCountMax + 4096

  /// Calls `visit` with all rows, in the order of the pages.
  static func run<Failure: Error>(
    _ pages: borrowing SpoolPages, visit: (Found) throws(Failure) -> Void
  ) throws(Failure) {
    guard pages.count > 0 else { return }
    for number in 1...pages.count {
      guard let page = pages.page(number) else {
        try visit(.damaged(page: number))
        continue
      }
      // The first page holds the schema, which is always the same.
      if number > 1 { try read(page, number, pages, visit) }
    }
  }

  /// The row of `spool` on the second page, if it can be read.
  static func spool(_ pages: borrowing SpoolPages) -> SpoolRecord? {
    guard let page = pages.page(2) else { return nil }
    var record: SpoolRecord?
    read(page, 2, pages) { found in
      if case .record(let found) = found, case .spool = found { record = found }
    }
    return record
  }

  private static func read<Failure: Error>(
    _ page: [UInt8], _ number: Int, _ pages: borrowing SpoolPages, _ visit: (Found) throws(Failure) -> Void
  ) throws(Failure) {
    guard page[0] == leafType else { return }
    let cellCount = Int(page[3]) << 8 | Int(page[4])
    guard leafHeaderByteCount + 2 * cellCount <= page.count else { return try visit(.damaged(page: number)) }
    for cell in 0..<cellCount {
      let pointer = leafHeaderByteCount + 2 * cell
      // SQLite does not check pointers any further either: rows that it has read and sent must be found again.
      let offset = (Int(page[pointer]) << 8 | Int(page[pointer + 1])) % page.count
      try visit(found(in: page, at: offset, pages) ?? .damaged(page: number))
    }
  }

  /// The row in a cell: `payload length, row id, payload, next page`.
  private static func found(in page: [UInt8], at offset: Int, _ pages: borrowing SpoolPages) -> Found? {
    var cell = SQLiteReader(page[...], at: offset)
    guard let byteCount = cell.varint(), byteCount <= rowByteCountMax, let id = cell.varint(),
      let payload = payload(Int(byteCount), at: cell.offset, of: page, pages),
      let values = SQLiteRecord(payload, columnCounts: columnCounts)
    else { return nil }
    let row = Int64(bitPattern: id)
    if values.columnCount == 4 { return SpoolBookmark(id: row, values: values).map { .bookmark($0) } }
    if values.columnCount == 10 { return SpoolRow(id: row, values: values).map { .batch($0) } }
    return (SpoolRecord(spoolRow: values) ?? SpoolRecord(streamRow: row, values: values)).map { .record($0) }
  }

  /// Collects a payload from its cell and its overflow pages.
  private static func payload(
    _ count: Int, at offset: Int, of page: [UInt8], _ pages: borrowing SpoolPages
  ) -> ByteString? {
    let usable = SpoolSchema.pageByteCount
    let localMax = usable - 35
    let localMin = (usable - 12) * 32 / 255 - 23
    let fitting = localMin + (count - localMin) % (usable - 4)
    let local = count <= localMax ? count : fitting <= localMax ? fitting : localMin
    guard offset + local + (local < count ? 4 : 0) <= page.count else { return nil }
    var writer = ByteWriter(capacity: count)
    unsafe writer.append(page[offset..<offset + local].span.bytes)
    guard local < count else { return writer.finish() }
    var next = number(page, offset + local)
    while writer.count < count {
      guard let page = pages.page(next) else { return nil }
      next = number(page, 0)
      unsafe writer.append(page[4..<4 + min(count - writer.count, usable - 4)].span.bytes)
    }
    return writer.finish()
  }

  private static func number(_ page: [UInt8], _ offset: Int) -> Int {
    page[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
  }
}
