internal import CZlib
internal import CZstd
internal import LogsText

/// How the body of an answer is compressed.
enum ContentCoding: String, CaseIterable {
  case zstd
  case gzip

  /// The best one that the client takes; nil if it takes none.
  init?(accepted header: String?) {
    guard let header else { return nil }
    var refused: Set<String> = []
    var taken: Set<String> = []
    for item in header.lowercased().split(separator: ",") {
      let parts = item.split(separator: ";").map(\.trimmed)
      guard let name = parts.first else { continue }
      let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
      if weight > 0 { taken.insert(name) } else { refused.insert(name) }
    }
    let best = Self.allCases.first { coding in
      !refused.contains(coding.rawValue)
        && (taken.contains(coding.rawValue) || (taken.contains("*") && coding == .gzip))
    }
    guard let best else { return nil }
    self = best
  }

  /// Shorter bodies are sent as they are.
  static let byteCountMin = 1_024

  func encoder() -> any ContentEncoder {
    switch self {
    case .zstd: ZstdEncoder()
    case .gzip: GzipEncoder()
    }
  }

  /// The headers of an answer that is compressed.
  var headers: [HTTPHeader] { [HTTPHeader("Content-Encoding", rawValue), Self.vary] }

  static let vary = HTTPHeader("Vary", "Accept-Encoding")
}

/// Compresses a body piece by piece. Each piece can be read when it has come.
protocol ContentEncoder: AnyObject {
  func encode(_ bytes: [UInt8], isLast: Bool) -> [UInt8]
}

/// With small tables, since a follower keeps them for as long as it follows: 64 KiB.
@safe final class GzipEncoder: ContentEncoder {
  private var stream = unsafe z_stream()
  private static let windowBits: Int32 = 13
  /// Makes it gzip, not zlib.
  private static let gzipBit: Int32 = 16
  private static let memoryLevel: Int32 = 6

  init() {
    let status = unsafe deflateInit2_(
      &stream, Z_BEST_SPEED, Z_DEFLATED, Self.windowBits + Self.gzipBit, Self.memoryLevel, Z_DEFAULT_STRATEGY,
      ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else { fatalError("out of memory for compression") }
  }

  deinit { unsafe deflateEnd(&stream) }

  func encode(_ bytes: [UInt8], isLast: Bool) -> [UInt8] {
    var input = bytes
    var output: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: max(512, bytes.count / 2))
    unsafe input.withUnsafeMutableBufferPointer { input in
      unsafe stream.next_in = input.baseAddress
      unsafe stream.avail_in = UInt32(input.count)
      var isFull = true
      while isFull {
        let count = unsafe piece.withUnsafeMutableBufferPointer { piece in
          unsafe stream.next_out = piece.baseAddress
          unsafe stream.avail_out = UInt32(piece.count)
          unsafe _ = deflate(&stream, isLast ? Z_FINISH : Z_SYNC_FLUSH)
          return unsafe piece.count - Int(stream.avail_out)
        }
        output += piece[..<count]
        isFull = count == piece.count
      }
    }
    return output
  }
}

/// With a window of 64 KiB.
@safe final class ZstdEncoder: ContentEncoder {
  private let context: OpaquePointer
  private static let level: Int32 = 1
  private static let windowLog: Int32 = 16

  init() {
    guard let context = unsafe ZSTD_createCCtx() else { fatalError("out of memory for compression") }
    unsafe self.context = context
    unsafe _ = ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Self.level)
    unsafe _ = ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, Self.windowLog)
  }

  deinit { unsafe ZSTD_freeCCtx(context) }

  func encode(_ bytes: [UInt8], isLast: Bool) -> [UInt8] {
    var output: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: max(512, bytes.count / 2))
    unsafe bytes.withUnsafeBytes { bytes in
      var input = unsafe ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
      var left = 1
      while left > 0 {
        let count = unsafe piece.withUnsafeMutableBytes { piece in
          var target = unsafe ZSTD_outBuffer(dst: piece.baseAddress, size: piece.count, pos: 0)
          left = unsafe ZSTD_compressStream2(context, &target, &input, isLast ? ZSTD_e_end : ZSTD_e_flush)
          precondition(ZSTD_isError(left) == 0, "zstd cannot fail with room and valid parameters")
          return unsafe target.pos
        }
        output += piece[..<count]
      }
    }
    return output
  }
}
