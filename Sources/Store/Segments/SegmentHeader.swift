internal import LogsSystem

/// What the beginning of a segment's file says without SQLite: its database header
/// (https://www.sqlite.org/fileformat.html, 1.3).
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 16 | `SQLite format 3` and a zero |
/// | 18 | 2 | the versions for writing and reading: 2 in WAL mode |
/// | 60 | 4 | `user_version`, big-endian: the format |
/// | 68 | 4 | `application_id`, big-endian |
struct SegmentHeader {
  static let byteCount = 72

  /// The format of the segment; nil if the file says that it is none.
  let format: Int64?
  let hasWalMode: Bool

  /// - Returns: nil if this is no database, or less than its header.
  init?(_ bytes: [UInt8]) {
    guard bytes.count >= Self.byteCount, bytes.starts(with: "SQLite format 3\0".utf8) else { return nil }
    func number(at offset: Int) -> Int64 { bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int64($1) } }
    format = number(at: 68) == SegmentSchema.applicationID ? number(at: 60) : nil
    hasWalMode = bytes[19] == 2
  }
}

extension FileSystem {
  /// A newer version may have rewritten any segment, and this one would take what is in there for damage.
  ///
  /// The file is opened and closed, so this process may have no connection to it: SQLite's locks would be lost.
  ///
  /// - Throws: `notAStore` if it has a newer format. If it cannot be read, that is for its readers to say.
  func requireKnownFormat(ofSegment path: String) throws(StoreError) {
    let content: [UInt8]?
    do { content = try read(path, atMost: SegmentHeader.byteCount) } catch { return }
    guard let format = content.flatMap(SegmentHeader.init)?.format else { return }
    if format > SegmentSchema.format { throw .newer(path, format: format) }
  }
}

extension StoreError {
  /// A newer version has written this segment.
  static func newer(_ path: String, format: Int64) -> StoreError {
    StoreError(
      .notAStore, "\(path) has format \(format), this program knows \(SegmentSchema.format); use a newer one")
  }
}
