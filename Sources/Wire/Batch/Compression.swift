internal import CZstd

/// Compresses payloads with zstd; owns the context and its tables.
@safe package struct Compressor: ~Copyable {
  private let context: OpaquePointer
  private let scratch = Scratch()
  /// What it compresses with.
  package let dictionary: BatchDictionary?

  /// At level 1, the match table has 2^17 places, 512 KiB, instead of the level's 2^14: payloads of 130 KB then collide
  /// so rarely that they take a sixth less time and no more bytes. zstd uses a smaller table for smaller payloads.
  private static let fastHashLog: Int32 = 17

  /// - Parameters:
  ///   - level: zstd's. 1 is the default: 5 M entries/s a core, 11 to 17 % of raw on real logs.
  ///   - dictionary: which readers then need, too.
  ///   - hasCheck: whether frames end with a check of their content.
  package init(level: Int32 = 1, dictionary: BatchDictionary? = nil, hasCheck: Bool = false) {
    self.dictionary = dictionary
    guard let context = unsafe ZSTD_createCCtx() else { outOfMemory(0, for: "a zstd context") }
    unsafe self.context = context
    var parameters = [(ZSTD_c_compressionLevel, level)]
    if level == 1 { parameters.append((ZSTD_c_hashLog, Self.fastHashLog)) }
    // The batch's header names the dictionary.
    if dictionary != nil { parameters.append((ZSTD_c_dictIDFlag, 0)) }
    if hasCheck { parameters.append((ZSTD_c_checksumFlag, 1)) }
    let isSet = parameters.allSatisfy { parameter, value in
      unsafe ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)) == 0
    }
    precondition(isSet, "zstd takes level \(level)")
    unsafe dictionary?.load(into: context)
  }

  deinit { unsafe ZSTD_freeCCtx(context) }

  /// Below this size, zstd saves 1 % (up to 192 bytes) to 9 % of real lines, header included, and takes longer than
  /// everything else in making the batch.
  private static let rawByteCountMin = 256
  /// The same with a dictionary, which saves half of a line.
  private static let rawByteCountMinWithDictionary = 32
  /// What is smaller is not compressed.
  var byteCountMin: Int { dictionary == nil ? Self.rawByteCountMin : Self.rawByteCountMinWithDictionary }

  /// Appends the compressed form of `raw` if it is shorter and worth the time.
  ///
  /// - Returns: whether it was; nothing is appended otherwise.
  func compress(_ raw: RawSpan, into writer: inout ByteWriter) -> Bool {
    guard raw.byteCount >= byteCountMin else { return false }
    let bound = ZSTD_compressBound(raw.byteCount)
    return unsafe writer.append(upTo: bound) { room in
      unsafe raw.withUnsafeBytes { source in
        let size = unsafe ZSTD_compress2(context, room.baseAddress, room.count, source.baseAddress, source.count)
        return ZSTD_isError(size) == 0 && size < source.count ? size : nil
      }
    }
  }

  /// The bytes as a zstd frame.
  package func frame(_ bytes: ByteString) -> ByteString {
    var writer = ByteWriter(capacity: 0)
    let bound = ZSTD_compressBound(bytes.count)
    let isDone = unsafe writer.append(upTo: bound) { room in
      unsafe bytes.withUnsafeBytes { source in
        let size = unsafe ZSTD_compress2(context, room.baseAddress, room.count, source.baseAddress, source.count)
        return ZSTD_isError(size) == 0 ? size : nil
      }
    }
    precondition(isDone, "zstd compresses everything into its bound")
    return writer.finish()
  }

  /// The same, made of pieces: whatever has to be done between them can be.
  ///
  /// - Parameters:
  ///   - pieceByteCount: how much is compressed at once; each piece costs some bytes.
  ///   - next: called behind each piece.
  package func frame(_ bytes: ByteString, each pieceByteCount: Int, next: () -> Void) -> ByteString {
    var writer = ByteWriter(capacity: 0)
    let pieceCount = bytes.count / pieceByteCount + 1
    let bound = ZSTD_compressBound(bytes.count) + pieceCount * ZSTD_compressBound(0)
    let isDone = unsafe writer.append(upTo: bound) { room in
      unsafe bytes.withUnsafeBytes { source in
        unsafe _ = ZSTD_CCtx_reset(context, ZSTD_reset_session_only)
        unsafe _ = ZSTD_CCtx_setPledgedSrcSize(context, UInt64(source.count))
        var output = unsafe ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
        var input = unsafe ZSTD_inBuffer(src: source.baseAddress, size: 0, pos: 0)
        while true {
          unsafe input.size = min(input.size + pieceByteCount, source.count)
          let isLast = unsafe input.size == source.count
          let left = unsafe ZSTD_compressStream2(context, &output, &input, isLast ? ZSTD_e_end : ZSTD_e_flush)
          guard left == 0 else { return nil }
          next()
          if isLast { return unsafe output.pos }
        }
      }
    }
    precondition(isDone, "zstd compresses everything into its bound")
    return writer.finish()
  }

  /// Lets `write` write a payload, and `finish` use the bytes to be stored, given the codec and the payload's size.
  ///
  /// Both are in memory that the next call reuses: allocating it for each batch of 130 KB would cost more than copying
  /// the result.
  borrowing func compress<Result>(
    _ write: (inout ByteWriter) -> Void, finish: (RawSpan, BatchHeader.Codec, Int) -> Result
  ) -> Result {
    scratch.payload.removeAll()
    write(&scratch.payload)
    scratch.compressed.removeAll()
    if compress(scratch.payload.span, into: &scratch.compressed) {
      return finish(scratch.compressed.span, dictionary == nil ? .zstd : .zstdDictionary, scratch.payload.count)
    }
    return finish(scratch.payload.span, .none, scratch.payload.count)
  }

  /// In use by one call at a time, as the context is.
  private final class Scratch {
    var payload = ByteWriter(capacity: 0)
    var compressed = ByteWriter(capacity: 0)
  }
}

/// Decompresses payloads; owns the context.
@safe package struct Decompressor: ~Copyable {
  private let context: OpaquePointer

  package init() {
    guard let context = unsafe ZSTD_createDCtx() else { outOfMemory(0, for: "a zstd context") }
    unsafe self.context = context
  }

  deinit { unsafe ZSTD_freeDCtx(context) }

  /// The content of a zstd frame, which must have exactly `count` bytes; nil if it has not, or is not one frame.
  ///
  /// - Parameter dictionary: what the frame may refer to.
  package func content(of frame: ByteString, count: Int, dictionary: BatchDictionary? = nil) -> ByteString? {
    guard unsafe frame.withUnsafeBytes({ unsafe Self.isOneFrame($0) }) else { return nil }
    var writer = ByteWriter(capacity: count)
    let isSound = unsafe writer.append(upTo: count) { room in
      unsafe frame.withUnsafeBytes { source in
        if let dictionary { return unsafe dictionary.decompress(source, into: room, context) }
        let size = unsafe ZSTD_decompressDCtx(context, room.baseAddress, room.count, source.baseAddress, source.count)
        return ZSTD_isError(size) == 0 ? size : nil
      }
    }
    return isSound && writer.count == count ? writer.finish() : nil
  }

  /// libzstd would also accept several frames, and skippable ones in which anything may hide.
  private static func isOneFrame(_ bytes: UnsafeRawBufferPointer) -> Bool {
    unsafe ZSTD_findFrameCompressedSize(bytes.baseAddress, bytes.count) == bytes.count
  }

  /// How many bytes a zstd frame holds; nil if it does not say, or is no frame.
  package static func contentByteCount(of frame: ByteString) -> Int? {
    do throws(WireDecodingError) {
      return try ZstdFrameHeader(decoding: frame.span).contentByteCount.flatMap { Int(exactly: $0) }
    } catch {
      return nil
    }
  }

  /// Appends the payload of `batch`, which must have exactly the length that the header says.
  ///
  /// A bomb cannot take memory: the buffer has exactly `rawLength` bytes, which decoding the header has bounded. The
  /// whole content is decoded into it at once, so no window is allocated, whatever the zstd frame asks for.
  /// - Throws: `WireDecodingError`.
  func decompress(_ batch: borrowing Batch, into writer: inout ByteWriter) throws(WireDecodingError) {
    let rawLength = Int(batch.header.rawLength)
    switch batch.header.codec {
    case .none: writer.append(batch.payload)
    case .zstd, .zstdDictionary:
      let dictionary = batch.dictionary
      if batch.header.dictionary != dictionary?.id ?? 0 {
        throw WireDecodingError("the batch needs a dictionary that is not there", at: 80, isUnsupported: true)
      }
      let stored = batch.payload
      let frame = try batch.zstdFrameHeader()
      if frame.dictionaryID != 0 {
        throw WireDecodingError("the zstd frame asks for dictionary \(frame.dictionaryID)", at: BatchHeader.byteCount)
      }
      if let count = frame.contentByteCount, count != UInt64(rawLength) {
        throw WireDecodingError("the zstd frame holds \(count) bytes, the header says \(rawLength)", at: 68)
      }
      guard unsafe stored.withUnsafeBytes({ unsafe Self.isOneFrame($0) }) else {
        throw WireDecodingError("the payload is not one whole zstd frame", at: 88)
      }
      let before = writer.count
      let isSound = unsafe writer.append(upTo: rawLength) { room in
        unsafe stored.withUnsafeBytes { source in
          if let dictionary { return unsafe dictionary.decompress(source, into: room, context) }
          let size = unsafe ZSTD_decompressDCtx(
            context, room.baseAddress, room.count, source.baseAddress, source.count)
          return ZSTD_isError(size) == 0 ? size : nil
        }
      }
      guard isSound, writer.count - before == rawLength else {
        throw WireDecodingError(
          "the payload does not decompress to the \(rawLength) bytes that the header says", at: 68)
      }
    }
  }
}
