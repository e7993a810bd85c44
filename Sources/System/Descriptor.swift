internal import Glibc

/// A file descriptor, closed at the end of this value's lifetime.
package struct Descriptor: ~Copyable, Sendable {
  package let number: Int32

  package init(adopting number: Int32) { self.number = number }

  deinit { _ = Glibc.close(number) }

  /// Releases the descriptor without closing it.
  package consuming func release() -> Int32 {
    let number = number
    discard self
    return number
  }

  /// Opens a file.
  package static func open(_ path: String, _ flags: Int32, mode: UInt32 = 0) throws(SystemError) -> Descriptor {
    let number = unsafe Glibc.open(path, flags | O_CLOEXEC, mode)
    guard number >= 0 else { throw .last }
    return Descriptor(adopting: number)
  }

  /// All bytes from the current position to the end, but no more than `limit`.
  package func readAll(atMost limit: Int = .max) throws(SystemError) -> [UInt8] {
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: min(limit, Self.readByteCount))
    while true {
      let count = unsafe Glibc.read(number, &buffer, min(buffer.count, limit - content.count))
      if count < 0 {
        let error = SystemError.last
        if error.number == EINTR { continue }
        throw error
      }
      if count == 0 { return content }
      content.append(contentsOf: buffer[..<count])
    }
  }

  private static let readByteCount = 16 << 10

  /// Writes all of `bytes`, which may block.
  package func write(_ bytes: [UInt8]) throws(SystemError) { try Self.write(bytes, to: number) }

  /// Writes all of `bytes` to a descriptor owned by somebody else, such as stderr.
  package static func write(_ bytes: [UInt8], to number: Int32) throws(SystemError) {
    var written = 0
    while written < bytes.count {
      let count = unsafe bytes[written...].withUnsafeBytes { unsafe Glibc.write(number, $0.baseAddress, $0.count) }
      if count < 0 {
        let error = SystemError.last
        if error.number == EINTR { continue }
        throw error
      }
      written += count
    }
  }
}
