import CSQLite

/// Another connection to a segment that is written to.
enum OtherConnection {
  private static func with<Result>(_ path: String, _ body: (OpaquePointer?) -> Result) -> Result {
    var handle: OpaquePointer?
    precondition(sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE, nil) == SQLITE_OK)
    defer { sqlite3_close(handle) }
    return body(handle)
  }

  /// Whether the WAL could be emptied at once.
  static func truncatesWal(_ path: String) -> Bool {
    with(path) { sqlite3_wal_checkpoint_v2($0, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil) == SQLITE_OK }
  }

  static func hasTable(_ name: String, _ path: String) -> Bool {
    with(path) { sqlite3_table_column_metadata($0, nil, name, nil, nil, nil, nil, nil, nil) == SQLITE_OK }
  }
}
