internal import LogsSystem
internal import LogsWire

/// Finds the rows of `runs`, `streams` and dictionaries in the pages of a database file, without the trees that lead to
/// them (https://www.sqlite.org/fileformat.html, 1.6, 2.1): a damaged page costs what is on it, and nothing behind it.
///
/// What it finds may be anything: only batches that pass their checks count, and dictionaries that are what they say.
struct PageScan {
  /// What a row says; of its batches the first part, where the rest cannot be found.
  struct Row {
    var stream: Int64
    var producers: ByteString
    var batches: ByteString
    /// The pages that it lies on, from 1.
    var pages: [Int]
  }

  private let file: [UInt8]
  let pageByteCount: Int
  private var pageCount: Int { file.count / pageByteCount }
  /// Of `runs`: `id`, which is empty here, and those of `SegmentRow`; earlier formats have one less.
  private static let columnCount = 13
  private static let streamColumnCount = 8
  private static let dictionaryColumnCount = 4
  private static let pageByteCounts = [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536]

  /// The pages of a file, in each size that they may have: mostly the file says one.
  static func scans(_ file: [UInt8]) -> [PageScan] {
    let stated = file.count > 18 ? Int(file[16]) << 8 | Int(file[17]) : 0
    let byteCount = stated == 1 ? 65536 : stated
    let usual = [SegmentSchema.pageByteCount, SegmentSchema.compactedPageByteCount]
    let byteCounts = pageByteCounts.contains(byteCount) ? [byteCount] : usual
    return byteCounts.map { PageScan(file: file, pageByteCount: $0) }
  }

  private init(file: [UInt8], pageByteCount: Int) {
    let cut = file.count % pageByteCount
    // Of the page where a file was cut there is what was written before the cut.
    self.file = cut == 0 ? file : file + [UInt8](repeating: 0, count: pageByteCount - cut)
    self.pageByteCount = pageByteCount
  }

  /// Calls `body` with the pages of a segment's file, then as they are with those of its WAL, if it has one: those that
  /// are whole, then all.
  ///
  /// What the disk does not give is lost.
  static func forEach<Failure>(
    ofSegment path: String, _ files: PosixFileSystem, _ body: (PageScan) throws(Failure) -> Void
  ) throws(Failure) {
    func read(_ path: String) -> [UInt8] {
      do throws(FileError) { return try files.read(path) ?? [] } catch { return [] }
    }
    let file = read(path)
    for scan in scans(file) { try body(scan) }
    guard let log = WALPages(read("\(path)-wal")) else { return }
    for isWholeOnly in [true, false] {
      for scan in scans(log.applied(to: file, isWholeOnly: isWholeOnly)) { try body(scan) }
    }
  }

  /// Calls `visit` with the rows of `runs`.
  ///
  /// - Parameter rowDictionaries: what they may have been packed with.
  func forEachRow(_ rowDictionaries: [BatchDictionary], _ visit: (Row) -> Void) {
    let unpacker = RowUnpacker(nil)
    forEachCell { start, page in if let row = row(at: start, page, unpacker, rowDictionaries) { visit(row) } }
  }

  /// Calls `visit` with the rows of `streams`: what they say proves itself by batches.
  func forEachStream(_ visit: (StreamInfo, SegmentSchema.StreamState) -> Void) {
    forEachCell { start, page in
      guard let (info, state) = stream(at: start, page) else { return }
      visit(info, state)
    }
  }

  /// Calls `visit` with the dictionaries that are whole, and whether each is the one of packed rows.
  func forEachDictionary(_ visit: (BatchDictionary, _ isOfRows: Bool) -> Void) {
    forEachCell { start, page in
      guard let (dictionary, key) = dictionary(at: start, page) else { return }
      visit(dictionary, key == SegmentDictionaries.rowsKey)
    }
  }

  /// Calls `visit` with where the cells of tables begin, and their page.
  private func forEachCell(_ visit: (Int, Int) -> Void) {
    for page in 1...max(pageCount, 1) where page <= pageCount {
      let start = (page - 1) * pageByteCount
      let header = start + (page == 1 ? 100 : 0)
      guard file[header] == Self.tableLeaf else { continue }
      for index in 0..<cellCountMax(start, header) {
        let pointer = header + 8 + 2 * index
        guard pointer + 2 <= start + pageByteCount else { break }
        let cell = integer(pointer, 2)
        if cell >= 8, cell < pageByteCount - 4 { visit(start + cell, page) }
      }
    }
  }

  private static let tableLeaf: UInt8 = 0x0d

  /// How many cells a page may have: as many as it says, or as there is room for before the content, should what it
  /// says be damaged.
  private func cellCountMax(_ page: Int, _ header: Int) -> Int {
    let content = integer(header + 5, 2)
    let room = (content == 0 ? Self.pageByteCounts[Self.pageByteCounts.count - 1] : content) - (header - page) - 8
    return min(max(integer(header + 3, 2), room / 2), pageByteCount / 4)
  }

  /// A big-endian number.
  private func integer(_ offset: Int, _ byteCount: Int) -> Int {
    file[offset..<offset + byteCount].reduce(0) { $0 << 8 | Int($1) }
  }

  /// SQLite's: seven bits a byte, most significant first, eight in the ninth.
  private static func varint(_ bytes: ArraySlice<UInt8>, _ offset: inout Int) -> UInt64? {
    var value: UInt64 = 0
    for index in 0..<9 {
      guard offset < bytes.endIndex else { return nil }
      let byte = bytes[offset]
      offset += 1
      if index == 8 { return value << 8 | UInt64(byte) }
      value = value << 7 | UInt64(byte & 0x7f)
      if byte < 0x80 { return value }
    }
    return value
  }

  private func row(
    at start: Int, _ page: Int, _ unpacker: RowUnpacker, _ rowDictionaries: [BatchDictionary]
  ) -> Row? {
    guard let cell = cell(at: start, page) else { return nil }
    let (payload, pages) = payload(at: cell.content, cell.length, page)
    guard let row = Self.row(payload, cell.length, pages) else { return nil }
    let content = unpacker.salvagedContent(producers: row.producers, batches: row.batches, rowDictionaries)
    return Row(stream: row.stream, producers: content.producers, batches: content.batches, pages: pages)
  }

  /// The length of what a cell holds, its row's number, and where the content begins.
  private func cell(at start: Int, _ page: Int) -> (length: Int, id: Int64, content: Int)? {
    var offset = start
    let bytes = file[..<(page * pageByteCount)]
    guard let length = Self.varint(bytes, &offset), let id = Self.varint(bytes, &offset),
      length <= UInt64(file.count)
    else { return nil }
    return (Int(length), Int64(bitPattern: id), offset)
  }

  /// What a cell holds, as far as its chain of pages can be followed.
  private func payload(at offset: Int, _ length: Int, _ page: Int) -> (bytes: [UInt8], pages: [Int]) {
    let end = page * pageByteCount
    let localMax = pageByteCount - 35
    var local = length
    if length > localMax {
      let localMin = (pageByteCount - 12) * 32 / 255 - 23
      let rest = localMin + (length - localMin) % (pageByteCount - 4)
      local = rest <= localMax ? rest : localMin
    }
    guard offset + local + (local < length ? 4 : 0) <= end else { return ([], [page]) }
    var bytes = Array(file[offset..<offset + local])
    var pages = [page]
    guard local < length else { return (bytes, pages) }
    var next = integer(offset + local, 4)
    while bytes.count < length {
      // A row that was appended lies on pages that follow each other: where the chain is broken, that may lead on.
      if next < 2 || next > pageCount { next = pages.count > 1 ? (pages.last ?? page) + 1 : 0 }
      guard next >= 2, next <= pageCount, pages.count <= pageCount else { return (bytes, pages) }
      let start = (next - 1) * pageByteCount
      pages.append(next)
      bytes += file[start + 4..<start + min(pageByteCount, 4 + length - bytes.count)]
      next = integer(start, 4)
    }
    return (bytes, pages)
  }

  /// A column of a record: SQLite's type, and where its value is.
  private struct Column {
    var type: UInt64
    var place: Range<Int>

    var isText: Bool { type >= 13 && type % 2 == 1 }
    var isBlob: Bool { type >= 12 && type % 2 == 0 }

    /// Nil if it is none, or is not there.
    func integer(_ payload: [UInt8]) -> Int64? {
      if type == 8 || type == 9 { return Int64(type - 8) }
      guard (1...6).contains(type), place.upperBound <= payload.count else { return nil }
      let bytes = payload[place]
      // Its sign is that of the first byte.
      return bytes.reduce(Int64(Int8(bitPattern: bytes[place.lowerBound])) >> 8) { $0 << 8 | Int64($1) }
    }
  }

  /// The columns of a record of that length; nil if it has not that many, or its first is no row's number.
  private static func columns(_ payload: [UInt8], _ length: Int, count: Int) -> [Column]? {
    var offset = 0
    guard let headerByteCount = varint(payload[...], &offset), headerByteCount <= UInt64(payload.count) else {
      return nil
    }
    var columns: [Column] = []
    var content = Int(headerByteCount)
    while offset < Int(headerByteCount) {
      guard let type = varint(payload[..<Int(headerByteCount)], &offset), columns.count < count else { return nil }
      let byteCount: Int
      switch type {
      case 0, 8, 9: byteCount = 0
      case 1...4: byteCount = Int(type)
      case 5: byteCount = 6
      case 6: byteCount = 8
      case 12...UInt64(length) * 2 + 13: byteCount = Int(type - 12) / 2
      default: return nil
      }
      columns.append(Column(type: type, place: content..<content + byteCount))
      content += byteCount
    }
    return columns.count == count && columns[0].type == 0 && content == length ? columns : nil
  }

  /// A row as it is stored, packed or not.
  private static func row(_ payload: [UInt8], _ length: Int, _ pages: [Int]) -> Row? {
    let found = columns(payload, length, count: columnCount) ?? columns(payload, length, count: columnCount - 1)
    guard let columns = found, let stream = columns[1].integer(payload), columns[columns.count - 2].isBlob,
      columns[columns.count - 1].isBlob
    else { return nil }
    let (producers, batches) = (columns[columns.count - 2].place, columns[columns.count - 1].place)
    // Only what comes last may lack its end.
    guard producers.upperBound <= payload.count, batches.lowerBound < payload.count else { return nil }
    return Row(
      stream: stream, producers: ByteString(Array(payload[producers])),
      batches: ByteString(Array(payload[batches.lowerBound..<min(batches.upperBound, payload.count)])), pages: pages)
  }

  private func stream(at start: Int, _ page: Int) -> (StreamInfo, SegmentSchema.StreamState)? {
    guard let cell = cell(at: start, page), cell.id > 0, cell.length <= pageByteCount else { return nil }
    let (payload, _) = payload(at: cell.content, cell.length, page)
    guard payload.count == cell.length,
      let columns = Self.columns(payload, cell.length, count: Self.streamColumnCount), columns[1].isText,
      let incarnation = columns[2].integer(payload),
      let state = columns[3].integer(payload).flatMap(SegmentSchema.StreamState.init)
    else { return nil }
    let info = StreamInfo(
      id: cell.id, name: StreamName(stored: String(decoding: payload[columns[1].place], as: UTF8.self)),
      incarnation: Incarnation(UInt64(bitPattern: incarnation)), isSealed: state == .sealed)
    return (info, state)
  }

  private func dictionary(at start: Int, _ page: Int) -> (BatchDictionary, key: Int64)? {
    guard let cell = cell(at: start, page), cell.id >= SegmentDictionaries.rowsKey,
      cell.length <= Self.dictionaryRowByteCountMax
    else {
      return nil
    }
    let (payload, _) = payload(at: cell.content, cell.length, page)
    guard payload.count == cell.length,
      let columns = Self.columns(payload, cell.length, count: Self.dictionaryColumnCount), columns[3].isBlob,
      let id = columns[1].integer(payload), let length = columns[2].integer(payload)
    else { return nil }
    do throws(WireDecodingError) {
      let dictionary = try BatchDictionary(
        UInt64(bitPattern: id), packed: ByteString(Array(payload[columns[3].place])), byteCount: Int(clamping: length))
      return (dictionary, cell.id)
    } catch { return nil }
  }

  /// Compressed, a dictionary may be a little larger than it is.
  private static let dictionaryRowByteCountMax = 2 * Limits.dictionaryByteCountMax
}
