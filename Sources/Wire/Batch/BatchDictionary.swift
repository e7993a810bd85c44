internal import CZstd

/// What the batches of a stream have in common, for zstd to refer to (`spec/wire.md`, section 5.5).
///
/// Invariant behind `@unchecked Sendable`: nothing changes once it is made, and zstd only reads its tables.
@safe package final class BatchDictionary: @unchecked Sendable {
  /// The hash of its content: what batches name it by.
  package let id: UInt64
  /// The bytes of its content.
  package let byteCount: Int
  /// The content as a zstd frame, as it is stored and sent.
  package let packed: ByteString
  private let content: ByteString
  private let tables: OpaquePointer

  /// About what one takes in memory: its content twice, packed once, and zstd's tables.
  package var memoryByteCount: Int { 2 * byteCount + packed.count + Self.tablesByteCount }
  private static let tablesByteCount = 28 << 10

  /// Reads one that was stored or received.
  ///
  /// - Parameter byteCount: of its content.
  /// - Throws: `WireDecodingError` if it is not the one with this id.
  package init(_ id: UInt64, packed: ByteString, byteCount: Int) throws(WireDecodingError) {
    guard (Limits.dictionaryByteCountMin...Limits.dictionaryByteCountMax).contains(byteCount) else {
      throw WireDecodingError(
        """
        a dictionary of \(byteCount) bytes; it has \(Limits.dictionaryByteCountMin) to \
        \(Limits.dictionaryByteCountMax)
        """, at: 0)
    }
    guard id != 0, let content = Decompressor().content(of: packed, count: byteCount), Self.id(of: content) == id else {
      throw WireDecodingError("a dictionary's content is not what its id says", at: 0)
    }
    guard let tables = unsafe Self.tables(of: content) else {
      throw WireDecodingError("a dictionary that zstd cannot read", at: 0)
    }
    self.id = id
    self.byteCount = byteCount
    self.packed = packed
    self.content = content
    unsafe self.tables = tables
  }

  deinit { unsafe ZSTD_freeDDict(tables) }

  private static func id(of content: ByteString) -> UInt64 { XXH3.hash(content.span) }

  private static func tables(of content: ByteString) -> OpaquePointer? {
    unsafe content.withUnsafeBytes { bytes in unsafe ZSTD_createDDict(bytes.baseAddress, bytes.count) }
  }

  /// How samples are compressed to find out which symbols are frequent.
  private static let trainingLevel: Int32 = 3
  private static let packingLevel: Int32 = 19

  /// Makes one of samples of what is to be compressed.
  ///
  /// - Parameters:
  ///   - samples: end to end.
  ///   - sampleByteCount: of each of them.
  /// - Returns: nil if zstd finds nothing that would help.
  package static func train(_ samples: ByteString, sampleByteCount: Int, byteCountMax: Int) -> BatchDictionary? {
    let sizes = [Int](repeating: sampleByteCount, count: samples.count / sampleByteCount)
    guard !sizes.isEmpty, byteCountMax >= Limits.dictionaryByteCountMin else { return nil }
    var writer = ByteWriter(capacity: byteCountMax)
    let isMade = unsafe writer.append(upTo: byteCountMax) { room in
      unsafe samples.withUnsafeBytes { bytes in
        unsafe sizes.withUnsafeBufferPointer { sizes in
          let size = unsafe ZDICT_trainFromBuffer(
            room.baseAddress, room.count, bytes.baseAddress, sizes.baseAddress, UInt32(sizes.count))
          return ZDICT_isError(size) == 0 ? size : nil
        }
      }
    }
    guard isMade else { return nil }
    do throws(WireDecodingError) { return try BatchDictionary(content: writer.finish()) } catch { return nil }
  }

  /// Makes one of what others may refer to.
  ///
  /// - Throws: `WireDecodingError` if zstd cannot use it, or it has too many or too few bytes.
  package convenience init(content: ByteString) throws(WireDecodingError) {
    let packed = Compressor(level: Self.packingLevel).frame(content)
    try self.init(Self.id(of: content), packed: packed, byteCount: content.count)
  }

  /// Has a context compress with it from now on.
  func load(into context: OpaquePointer) {
    let isLoaded = unsafe content.withUnsafeBytes { bytes in
      unsafe ZSTD_isError(ZSTD_CCtx_loadDictionary(context, bytes.baseAddress, bytes.count)) == 0
    }
    precondition(isLoaded, "a dictionary that zstd has read can be compressed with")
  }

  /// Decompresses a frame; nil if it is none that fits `room`.
  func decompress(
    _ frame: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer, _ context: OpaquePointer
  ) -> Int? {
    let size = unsafe ZSTD_decompress_usingDDict(
      context, room.baseAddress, room.count, frame.baseAddress, frame.count, tables)
    return ZSTD_isError(size) == 0 ? size : nil
  }
}

extension BatchDictionary: Hashable {
  package static func == (one: BatchDictionary, other: BatchDictionary) -> Bool { one.id == other.id }
  package func hash(into hasher: inout Hasher) { hasher.combine(id) }
}
