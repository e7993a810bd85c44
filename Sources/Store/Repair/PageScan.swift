internal import LogsWire

/// Finds the rows of `runs` in the pages of a database file, without the trees that lead to them
/// (https://www.sqlite.org/fileformat.html, 1.6 and 2.1): a damaged page costs what is on it, and nothing behind it.
///
/// What it finds may be anything: only batches that pass their checks count.
struct PageScan {
  /// What a row says; of its batches the first part, where the rest cannot be found.
  struct Row {
    var stream: Int64
    var producers: ByteString
    var batches: ByteString
    /// The pages that it lies on, from 1.
    var pages: [Int]
    var pageByteCount: Int
  }

  private let file: [UInt8]
  private let pageByteCount: Int
  private var pageCount: Int { file.count / pageByteCount }
  /// Of `runs`: `id`, which is empty here, and those of `SegmentRow`.
  private static let columnCount = 12
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
    self.file = file
    self.pageByteCount = pageByteCount
  }

  func forEachRow(_ visit: (Row) -> Void) {
    for page in 1...max(pageCount, 1) where page <= pageCount {
      let start = (page - 1) * pageByteCount
      let header = start + (page == 1 ? 100 : 0)
      guard file[header] == Self.tableLeaf else { continue }
      for index in 0..<min(integer(header + 3, 2), pageByteCount / 4) {
        let pointer = header + 8 + 2 * index
        guard pointer + 2 <= start + pageByteCount else { break }
        let cell = integer(pointer, 2)
        if cell >= 8, cell < pageByteCount - 4, let row = row(at: start + cell, page) { visit(row) }
      }
    }
  }

  private static let tableLeaf: UInt8 = 0x0d

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

  private func row(at start: Int, _ page: Int) -> Row? {
    let end = page * pageByteCount
    var offset = start
    let cell = file[..<end]
    guard let length = Self.varint(cell, &offset), Self.varint(cell, &offset) != nil, length <= UInt64(file.count)
    else { return nil }
    let (payload, pages) = payload(at: offset, Int(length), page)
    return Self.row(payload, Int(length), pages, pageByteCount)
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

  private static func row(_ payload: [UInt8], _ length: Int, _ pages: [Int], _ pageByteCount: Int) -> Row? {
    var offset = 0
    guard let headerByteCount = varint(payload[...], &offset), headerByteCount <= UInt64(payload.count) else {
      return nil
    }
    var types: [UInt64] = []
    while offset < Int(headerByteCount) {
      guard let type = varint(payload[..<Int(headerByteCount)], &offset) else { return nil }
      types.append(type)
    }
    guard types.count == columnCount, types[0] == 0 else { return nil }
    var content = Int(headerByteCount)
    var stream: Int64 = 0
    var blobs: [Range<Int>] = []
    for (column, type) in types.enumerated() {
      let byteCount: Int
      switch type {
      case 0, 8, 9: byteCount = 0
      case 1...4: byteCount = Int(type)
      case 5: byteCount = 6
      case 6: byteCount = 8
      case 12...UInt64(length) * 2 + 13 where type % 2 == 0: byteCount = Int(type - 12) / 2
      default: return nil
      }
      if column == 1 {
        guard content + byteCount <= payload.count else { return nil }
        stream = type == 9 ? 1 : payload[content..<content + byteCount].reduce(0) { $0 << 8 | Int64($1) }
      }
      if column >= columnCount - 2 {
        guard type >= 12 else { return nil }
        blobs.append(content..<content + byteCount)
      }
      content += byteCount
    }
    // Only what comes last may lack its end.
    guard content == length, blobs[0].upperBound <= payload.count, blobs[1].lowerBound < payload.count else {
      return nil
    }
    return Row(
      stream: stream, producers: ByteString(Array(payload[blobs[0]])),
      batches: ByteString(Array(payload[blobs[1].lowerBound..<min(blobs[1].upperBound, payload.count)])), pages: pages,
      pageByteCount: pageByteCount)
  }
}
