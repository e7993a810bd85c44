internal import CSQLite
internal import LogsWire

/// Where a table puts the value of a column.
@safe struct ColumnResult: ~Copyable {
  private let context: OpaquePointer?

  init(_ context: OpaquePointer?) { unsafe self.context = context }

  func set(_ integer: Int64) { unsafe sqlite3_result_int64(context, integer) }

  /// A row, for MATCH; to everything else it is NULL.
  func set(_ row: AnyObject) {
    unsafe sqlite3_result_pointer(context, Unmanaged.passRetained(row).toOpaque(), Self.rowType.utf8CString) { row in
      guard let row = unsafe row else { return }
      unsafe Unmanaged<AnyObject>.fromOpaque(row).release()
    }
  }

  /// The row that a value is; nil if it is none.
  static func row(_ value: OpaquePointer?) -> AnyObject? {
    guard let row = unsafe sqlite3_value_pointer(value, rowType.utf8CString) else { return nil }
    return unsafe Unmanaged<AnyObject>.fromOpaque(row).takeUnretainedValue()
  }

  /// SQLite keeps the address.
  private static let rowType: StaticString = "logs-row"

  /// - Parameter code: SQLite's.
  func fail(_ message: String, code: Int32) {
    unsafe sqlite3_result_error(context, message, -1)
    unsafe sqlite3_result_error_code(context, code)
  }

  /// Text that is UTF-8.
  func set(_ bytes: [UInt8]) {
    unsafe bytes.withUnsafeBytes { unsafe set($0) }
  }

  func set(_ text: String) { set(Array(text.utf8)) }

  /// Text that never goes away.
  func set(_ text: StaticString) {
    unsafe sqlite3_result_text(
      context, text.utf8CString, Int32(text.utf8CodeUnitCount),
      logs_sqlite_static())
  }

  /// Text; bytes that are not UTF-8 become U+FFFD.
  func set(_ text: ByteString) {
    let isDone = unsafe text.withUnsafeBytes { bytes in
      guard unsafe Self.isASCII(bytes) || String(validating: bytes, as: UTF8.self) != nil else { return false }
      unsafe set(bytes)
      return true
    }
    if !isDone { set(text.text) }
  }

  private static func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var offset = 0
    while offset + 8 <= bytes.count {
      if unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) & 0x8080_8080_8080_8080 != 0 {
        return false
      }
      offset += 8
    }
    while offset < bytes.count {
      if unsafe bytes[offset] & 0x80 != 0 { return false }
      offset += 1
    }
    return true
  }

  private func set(_ bytes: UnsafeRawBufferPointer) {
    // An empty buffer has no address, and SQLite takes none for NULL.
    guard let start = bytes.baseAddress, unsafe !bytes.isEmpty else { return set("" as StaticString) }
    unsafe sqlite3_result_text64(
      context, unsafe start.assumingMemoryBound(to: CChar.self), UInt64(bytes.count), logs_sqlite_transient(),
      UInt8(SQLITE_UTF8))
  }
}

extension StaticString {
  fileprivate var utf8CString: UnsafePointer<CChar> { unsafe UnsafePointer<CChar>(OpaquePointer(utf8Start)) }
}
