internal import CZlib

/// The content of a gzip file, which may have several members.
@safe final class GzipContent: ArchiveContent {
  /// zlib keeps its address.
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  private var buffer = [UInt8](repeating: 0, count: 256 << 10)
  private var isAtMember = true
  private var isFirstMember = true
  private(set) var isWhole = false
  /// What was found behind content that had to be given out first.
  private var damage: ArchiveDamage?

  init() {
    unsafe stream.initialize(to: z_stream())
    // 15: the largest window; 16: gzip's header and trailer.
    let result = unsafe inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    precondition(result == Z_OK, "zlib starts: \(result)")
  }

  deinit {
    unsafe inflateEnd(stream)
    unsafe stream.deallocate()
  }

  func take(_ bytes: inout ArraySlice<UInt8>) throws(ArchiveDamage) -> ArraySlice<UInt8> {
    while damage == nil, !bytes.isEmpty {
      if isAtMember, isWhole {
        // Tapes and disks are filled up with zeros.
        bytes = bytes.drop { $0 == 0 }
        if bytes.isEmpty { break }
      }
      isAtMember = false
      isWhole = false
      let (result, takenCount, count) = inflate(bytes)
      bytes = bytes.dropFirst(takenCount)
      switch result {
      case Z_OK, Z_BUF_ERROR: break
      case Z_STREAM_END:
        unsafe inflateReset(stream)
        isAtMember = true
        isFirstMember = false
        isWhole = true
      // gzip's magic number: what does not begin with it is no other member.
      case Z_DATA_ERROR where unsafe !isFirstMember && stream.pointee.total_in <= 2:
        damage = .junk(takenCount: unsafe Int(stream.pointee.total_in))
      default: damage = .broken(unsafe stream.pointee.msg.map { unsafe String(cString: $0) } ?? "")
      }
      if count > 0 { return buffer[..<count] }
    }
    if let damage { throw damage }
    return []
  }

  /// - Returns: zlib's result, and how many bytes it took and wrote.
  private func inflate(_ bytes: ArraySlice<UInt8>) -> (result: Int32, takenCount: Int, count: Int) {
    unsafe bytes.withUnsafeBufferPointer { input in
      unsafe buffer.withUnsafeMutableBufferPointer { output in
        unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
        unsafe stream.pointee.avail_in = UInt32(input.count)
        unsafe stream.pointee.next_out = output.baseAddress
        unsafe stream.pointee.avail_out = UInt32(output.count)
        let result = unsafe CZlib.inflate(stream, Z_NO_FLUSH)
        return unsafe (result, input.count - Int(stream.pointee.avail_in), output.count - Int(stream.pointee.avail_out))
      }
    }
  }
}
