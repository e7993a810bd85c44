public import LogsWire

/// How far a source of entries has been read: a file, a container, a journal.
///
/// A producer with a spool stores it in one transaction with the entries that it covers (`LogProducer.accept`), so that
/// whatever happens to the process, reading on from there loses and repeats nothing.
public struct SourceBookmark: Hashable, Sendable {
  /// Which source: 1 to 1,024 bytes.
  public var key: String
  /// What the source needs to go on, in at most 64 KiB; nil to forget the source.
  public var value: ByteString?

  public init(key: String, value: ByteString?) {
    self.key = key
    self.value = value
  }

  static let keyByteCountMax = 1 << 10
  static let valueByteCountMax = 64 << 10

  /// - Throws: `LogError` with `invalidRequest`.
  func check() throws(LogError) {
    guard (1...Self.keyByteCountMax).contains(key.utf8.count) else {
      throw LogError(
        .invalidRequest, "the key of a bookmark has 1 to \(Self.keyByteCountMax) bytes, not \(key.utf8.count)")
    }
    guard value?.count ?? 0 <= Self.valueByteCountMax else {
      throw LogError(
        .invalidRequest,
        "the bookmark of \(key) has \(value?.count ?? 0) bytes; the most is \(Self.valueByteCountMax)")
    }
  }
}
