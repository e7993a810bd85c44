/// Writing columns (`spec/wire.md`, section 5.2).
extension ByteWriter {
  /// Begins a column, whose content is appended until `endColumn`.
  ///
  /// - Returns: where the content begins.
  mutating func beginColumn(_ id: UInt16, _ encoding: ColumnEncoding) -> Int {
    // Id, encoding, a zero, and the length, which `endColumn` knows.
    append(u64: UInt64(id) | UInt64(encoding.rawValue) << 16)
    return count
  }

  mutating func endColumn(_ start: Int) { overwrite(u32: UInt32(count - start), at: start - 4) }

  mutating func appendColumn(_ id: UInt16, _ encoding: ColumnEncoding, _ content: RawSpan) {
    let start = beginColumn(id, encoding)
    append(content)
    endColumn(start)
  }

  /// Appends the column of severities: as a constant if there is one, not at all if that is 0.
  ///
  /// - Parameter mask: bit n is set if an entry has severity n.
  mutating func appendSeverities(_ rows: RawSpan, mask: UInt32) {
    if mask.nonzeroBitCount > 1 {
      appendColumn(ColumnID.severity, .bytes, rows)
    } else if mask != 1 {
      let start = beginColumn(ColumnID.severity, .constant)
      append(ColumnEncoding.bytes.rawValue)
      append(UInt8(mask.trailingZeroBitCount))
      endColumn(start)
    }
  }
}
