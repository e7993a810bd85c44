internal import CSQLite
package import LogsWire

/// A value of SQL.
package enum SQLValue: Hashable, Sendable {
  case null
  case integer(Int64)
  case real(Double)
  case text(ByteString)
  case blob(ByteString)

  /// An argument of a table's search, or a value of a result.
  init(_ value: OpaquePointer?) {
    switch unsafe sqlite3_value_type(value) {
    case SQLITE_INTEGER: self = .integer(unsafe sqlite3_value_int64(value))
    case SQLITE_FLOAT: self = .real(unsafe sqlite3_value_double(value))
    case SQLITE_TEXT:
      // The address first: asking for it may change the length.
      let text = unsafe UnsafeRawPointer(sqlite3_value_text(value))
      self = .text(unsafe Self.bytes(text, Int(sqlite3_value_bytes(value))))
    case SQLITE_BLOB:
      let bytes = unsafe sqlite3_value_blob(value)
      self = .blob(unsafe Self.bytes(bytes, Int(sqlite3_value_bytes(value))))
    default: self = .null
    }
  }

  private static func bytes(_ start: UnsafeRawPointer?, _ count: Int) -> ByteString {
    guard let start = unsafe start, count > 0 else { return ByteString() }
    return unsafe ByteString(copying: RawSpan(_unsafeStart: start, byteCount: count))
  }
}
