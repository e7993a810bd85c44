import Glibc
import LogsTransport
import LogsWire
import Testing

/// A blocking socket.
final class Peer {
  private let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)

  init(_ endpoint: Endpoint) {
    guard case .tcp(_, let port) = endpoint else { preconditionFailure("it listens on TCP") }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    #expect(status == 0)
    var patience = timeval(tv_sec: 30, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(descriptor) }

  func endOutput() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// The types of all frames until the other side closes.
  func frameTypes() throws -> [FrameType] {
    let bytes = ByteString(read(count: 1 << 20))
    var decoder = FrameDecoder(bodyByteCountMax: 1 << 20)
    var offset = 0
    var types: [FrameType] = []
    while let frame = try decoder.next(from: bytes.span, at: &offset) { types.append(frame.type) }
    return types
  }

  func send(_ bytes: [UInt8]) {
    #expect(Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
  }

  /// The next bytes up to a line's end, or as many as requested, or the rest when the other side closes.
  func read(count: Int = .max) -> [UInt8] {
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while bytes.count < count, recv(descriptor, &byte, 1, 0) == 1 {
      if byte == UInt8(ascii: "\n"), count == .max { break }
      bytes.append(byte)
    }
    return bytes
  }

  func line() -> String { String(decoding: read(), as: UTF8.self) }

  func say(_ line: String) -> String {
    send(Array("\(line)\n".utf8))
    return self.line()
  }
}
