internal import CZstd

/// The content of a zstd file, which may have several frames.
@safe final class ZstdContent: ArchiveContent {
  private let context: OpaquePointer
  private var buffer = [UInt8](repeating: 0, count: ZSTD_DStreamOutSize())
  /// Whether the last piece has filled the buffer, so that there may be more without more input.
  private var mayHaveMore = false
  private(set) var isWhole = false
  private var isFirstFrame = true
  /// Bytes of the frame that were taken.
  private var frameByteCount = 0

  init() {
    guard let context = unsafe ZSTD_createDCtx() else { preconditionFailure("out of memory for zstd") }
    unsafe self.context = context
  }

  deinit { unsafe ZSTD_freeDCtx(context) }

  func take(_ bytes: inout ArraySlice<UInt8>) throws(ArchiveDamage) -> ArraySlice<UInt8> {
    while !bytes.isEmpty || mayHaveMore {
      let (result, takenCount, count) = decompress(bytes)
      bytes = bytes.dropFirst(takenCount)
      frameByteCount += takenCount
      if ZSTD_isError(result) != 0 {
        // What does not begin with the magic number is no other frame.
        if !isFirstFrame, ZSTD_getErrorCode(result) == ZSTD_error_prefix_unknown {
          throw .junk(takenCount: frameByteCount)
        }
        throw .broken(unsafe String(cString: ZSTD_getErrorName(result)))
      }
      mayHaveMore = count == buffer.count
      isWhole = result == 0
      if isWhole { (isFirstFrame, frameByteCount) = (false, 0) }
      if count > 0 { return buffer[..<count] }
    }
    return []
  }

  /// - Returns: zstd's result, and how many bytes it took and wrote.
  private func decompress(_ bytes: ArraySlice<UInt8>) -> (result: Int, takenCount: Int, count: Int) {
    unsafe bytes.withUnsafeBytes { source in
      unsafe buffer.withUnsafeMutableBytes { room in
        var input = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
        var output = unsafe ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
        let result = unsafe ZSTD_decompressStream(context, &output, &input)
        return unsafe (result, input.pos, output.pos)
      }
    }
  }
}
