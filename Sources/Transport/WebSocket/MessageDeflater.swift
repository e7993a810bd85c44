internal import CZlib

/// Compresses messages of permessage-deflate (RFC 7692), each on its own.
@safe package final class MessageDeflater {
  private var stream = unsafe z_stream()

  package init() {
    let status = unsafe deflateInit2_(
      &stream, Z_BEST_SPEED, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else { fatalError("out of memory for a WebSocket") }
  }

  deinit { unsafe deflateEnd(&stream) }

  package func deflate(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    unsafe deflateReset(&stream)
    var input = Array(bytes)
    // A flush takes some bytes more than the bound of a whole stream.
    var output = [UInt8](repeating: 0, count: Int(unsafe deflateBound(&stream, UInt(input.count))) + 16)
    let count = unsafe input.withUnsafeMutableBufferPointer { input in
      unsafe output.withUnsafeMutableBufferPointer { output in
        unsafe stream.next_in = input.baseAddress
        unsafe stream.avail_in = UInt32(input.count)
        unsafe stream.next_out = output.baseAddress
        unsafe stream.avail_out = UInt32(output.count)
        unsafe _ = CZlib.deflate(&stream, Z_SYNC_FLUSH)
        return unsafe output.count - Int(stream.avail_out)
      }
    }
    // The last four bytes are the same for all, so they are not sent.
    return Array(output[..<(count - 4)])
  }
}
