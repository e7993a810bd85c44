internal import CZlib

/// Decompresses messages of permessage-deflate (RFC 7692), each on its own.
@safe final class MessageInflater {
  enum Outcome {
    case message([UInt8])
    case tooLarge
    case broken
  }

  private var stream = unsafe z_stream()
  private static let end: [UInt8] = [0, 0, 0xff, 0xff]

  init() {
    guard unsafe inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      fatalError("out of memory for a WebSocket")
    }
  }

  deinit { unsafe inflateEnd(&stream) }

  /// - Parameter limit: bytes of the message.
  func inflate(_ bytes: [UInt8], atMost limit: Int) -> Outcome {
    unsafe inflateReset(&stream)
    var input = bytes + Self.end
    var message: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 16 << 10)
    return unsafe input.withUnsafeMutableBufferPointer { input in
      unsafe stream.next_in = input.baseAddress
      unsafe stream.avail_in = UInt32(input.count)
      while true {
        let (status, count) = unsafe piece.withUnsafeMutableBufferPointer { piece in
          unsafe stream.next_out = piece.baseAddress
          unsafe stream.avail_out = UInt32(piece.count)
          let status = unsafe CZlib.inflate(&stream, Z_SYNC_FLUSH)
          return unsafe (status, piece.count - Int(stream.avail_out))
        }
        message += piece[..<count]
        guard message.count <= limit else { return .tooLarge }
        switch status {
        case Z_STREAM_END: return .message(message)
        case Z_OK, Z_BUF_ERROR:
          if unsafe stream.avail_in == 0, count < piece.count { return .message(message) }
          if status == Z_BUF_ERROR, count == 0 { return .message(message) }
        default: return .broken
        }
      }
    }
  }
}
