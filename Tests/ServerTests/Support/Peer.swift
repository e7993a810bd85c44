import Glibc
import LogsTransport
import LogsWire
import Testing

/// A blocking socket.
final class Peer {
  private let descriptor: Int32

  init(_ endpoint: Endpoint) {
    switch endpoint {
    case .tcp(_, let port), .tls(_, let port):
      descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      address.sin_addr.s_addr = inet_addr("127.0.0.1")
      connect(&address)
    case .web: preconditionFailure("no server listens there")
    case .unix(let path):
      descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
      connect(&address)
    }
    var patience = timeval(tv_sec: 30, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  }

  private func connect<Address>(_ address: inout Address) {
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<Address>.size))
      }
    }
    #expect(status == 0)
  }

  deinit { close(descriptor) }

  func endOutput() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// All messages until the other side closes.
  func messages() throws -> [Message] {
    let bytes = ByteString(read(count: 1 << 20))
    var decoder = FrameDecoder(bodyByteCountMax: 1 << 20)
    var offset = 0
    var messages: [Message] = []
    while let frame = try decoder.next(from: bytes.span, at: &offset) { messages.append(try Message(decoding: frame)) }
    return messages
  }

  /// The next message.
  func message() throws -> Message {
    let head = read(exactly: 20)
    let count = head.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
    let bytes = ByteString(head + read(exactly: count))
    var decoder = FrameDecoder(bodyByteCountMax: 1 << 20)
    var offset = 0
    return try Message(decoding: try #require(try decoder.next(from: bytes.span, at: &offset)))
  }

  private func read(exactly count: Int) -> [UInt8] { count == 0 ? [] : read(count: count) }

  /// The types of all frames until the other side closes.
  func frameTypes() throws -> [FrameType] { try messages().map(\.type) }

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
