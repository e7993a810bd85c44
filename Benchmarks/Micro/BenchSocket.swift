internal import Glibc
internal import LogsWire

/// A blocking Unix socket that reads bytes without looking at them, or frame by frame.
final class BenchSocket {
  private let descriptor: Int32
  private var buffer = [UInt8](repeating: 0, count: 256 << 10)

  init(_ path: String) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw Self.failure("socket") }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard result == 0 else {
      close(descriptor)
      throw Self.failure("connect")
    }
  }

  deinit { close(descriptor) }

  func send(_ frame: OutgoingFrame) throws {
    for part in [frame.head, frame.batches] {
      var sent = 0
      while sent < part.count {
        let count = part.span.extracting(sent..<part.count).withUnsafeBytes {
          Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        guard count > 0 else { throw Self.failure("send") }
        sent += count
      }
    }
  }

  /// The next frame's message.
  func receive() throws -> Message {
    try read(Self.headerByteCount)
    let bodyByteCount = buffer.withUnsafeBytes { Int(UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self))) }
    var whole = Array(buffer[..<Self.headerByteCount])
    try read(bodyByteCount)
    whole += buffer[..<bodyByteCount]
    var decoder = FrameDecoder(bodyByteCountMax: bodyByteCount)
    var offset = 0
    guard let frame = try decoder.next(from: ByteString(whole).span, at: &offset) else {
      throw BenchmarkError("the server sent no frame")
    }
    return try Message(decoding: frame)
  }

  private static let headerByteCount = 20

  /// Reads exactly this many bytes.
  func read(_ byteCount: Int) throws {
    var got = 0
    while got < byteCount {
      let count = buffer.withUnsafeMutableBytes { whole in
        let room = UnsafeMutableRawBufferPointer(rebasing: whole[got..<byteCount])
        return Glibc.recv(descriptor, room.baseAddress, room.count, 0)
      }
      guard count > 0 else { throw Self.failure("recv") }
      got += count
    }
  }

  private static func failure(_ call: String) -> BenchmarkError {
    BenchmarkError("\(call): \(String(cString: strerror(errno)))")
  }
}
