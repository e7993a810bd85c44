internal import LogsWire

/// A record as SQLite stores it: `header length, a serial type for each column, the values`.
///
/// As lenient as SQLite itself: a row that SQLite reads, and whose check holds, may have been sent and must not be
/// reported as lost. Texts and bytes count as the same, reserved types as null, and anything after the values is
/// ignored.
///
/// Source: https://www.sqlite.org/fileformat2.html, section 2.1
struct SQLiteRecord: SpoolValues {
  private enum Value {
    case null
    case integer(Int64)
    case bytes(Range<Int>)
  }

  private let payload: ByteString
  private let values: [Value]

  var columnCount: Int { values.count }

  /// Nil if the payload is not a record with this many columns.
  init?(_ payload: ByteString, columnCounts: Set<Int>) {
    self.payload = payload
    let columnCountMax = columnCounts.max() ?? 0
    // A serial type takes at most nine bytes, and so does the length.
    let bytes = payload[0..<min(payload.count, 9 * (columnCountMax + 1))].array
    var header = SQLiteReader(bytes[...], at: 0)
    guard let headerByteCount = header.varint(), headerByteCount <= payload.count else { return nil }
    var end = Int(headerByteCount)
    var values: [Value] = []
    while header.offset < headerByteCount {
      guard values.count < columnCountMax, let type = header.varint() else { return nil }
      switch type {
      case 0, 10, 11: values.append(.null)
      case 8, 9: values.append(.integer(Int64(type) - 8))
      case 1...6:
        let count = [1, 2, 3, 4, 6, 8][Int(type) - 1]
        guard end + count <= payload.count else { return nil }
        // The first byte has the sign.
        var value = Int64(Int8(bitPattern: payload[end]))
        for index in end + 1..<end + count { value = value << 8 | Int64(payload[index]) }
        values.append(.integer(value))
        end += count
      case 12...:
        let count = (type - 12) / 2
        guard count <= payload.count - end else { return nil }
        values.append(.bytes(end..<end + Int(count)))
        end += Int(count)
      default: return nil
      }
    }
    guard header.offset == headerByteCount, columnCounts.contains(values.count) else { return nil }
    self.values = values
  }

  func integer(_ column: Int32) -> Int64 {
    if case .integer(let value) = values[Int(column)] { value } else { 0 }
  }

  func bytes(_ column: Int32) -> ByteString {
    if case .bytes(let range) = values[Int(column)] { payload[range] } else { ByteString() }
  }

  func text(_ column: Int32) -> String {
    if case .bytes(let range) = values[Int(column)] { payload[range].text } else { "" }
  }
}

/// Reads SQLite's variable-length integers: seven bits per byte, high ones first, and all eight of the ninth.
struct SQLiteReader {
  private let bytes: ArraySlice<UInt8>
  private(set) var offset: Int

  init(_ bytes: ArraySlice<UInt8>, at offset: Int) {
    self.bytes = bytes
    self.offset = offset
  }

  mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    for index in 0..<9 {
      guard bytes.indices.contains(offset) else { return nil }
      let byte = bytes[offset]
      offset += 1
      if index == 8 { return value << 8 | UInt64(byte) }
      value = value << 7 | UInt64(byte & 0x7f)
      if byte < 0x80 { return value }
    }
    return value
  }
}
