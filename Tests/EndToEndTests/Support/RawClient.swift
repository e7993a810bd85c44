import Foundation
import Glibc
import LogsWire

/// A client that sends exactly what a test wants, right or wrong.
///
/// Invariant behind `@unchecked Sendable`: only one thread uses it at a time.
final class RawClient: @unchecked Sendable {
  struct Received {
    let id: UInt32
    let message: Message
  }

  private(set) var descriptor: Int32
  /// Whether `receive` answers PINGs; a client that does not seems dead after three heartbeats.
  var answersPings = true
  /// Whether `receive` returns PINGs, too.
  var showsPings = false
  private var input: [UInt8] = []
  private var offset = 0

  init(_ url: String) throws { descriptor = try Self.connect(url) }

  /// The server's end of a connection that a program under test has opened.
  init(accepting listener: Int32) throws {
    var polled = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
    guard poll(&polled, 1, Int32(Environment.patience / .milliseconds(1))) > 0 else { throw Failure("nobody connects") }
    descriptor = accept(listener, nil, nil)
    guard descriptor >= 0 else { throw Failure.errno("accept") }
  }

  static func connect(_ url: String) throws -> Int32 {
    if url.hasPrefix("logs+unix://") {
      return try Sockets.connect(unix: String(url.dropFirst("logs+unix://".count)))
    }
    guard let port = UInt16(url.split(separator: ":").last ?? "") else { throw Failure("no port in \(url)") }
    return try Sockets.connect(port: port)
  }

  deinit { close() }

  func close() {
    if descriptor >= 0 { Glibc.close(descriptor) }
    descriptor = -1
  }

  /// Tells the server that nothing more is sent.
  func endOutput() { shutdown(descriptor, Int32(SHUT_WR)) }

  func send(bytes: [UInt8]) throws {
    var offset = 0
    while offset < bytes.count {
      let count = bytes[offset...].withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Failure.errno("send") }
      offset += count
    }
  }

  func send(_ message: Message, id: UInt32 = 0) throws { try send(bytes: Self.bytes(message, id: id)) }

  static func bytes(_ message: Message, id: UInt32 = 0) -> [UInt8] {
    let frame = message.frame(id: id)
    return frame.head.array + frame.batches.array
  }

  static let hello = Message.hello(Hello(frameByteCountMax: 4 << 20, client: "test"))

  @discardableResult func handshake() throws -> Welcome {
    try send(Self.hello)
    guard case .welcome(let welcome) = try receive().message else { throw Failure("no WELCOME came") }
    return welcome
  }

  /// The next message. PINGs are answered.
  func receive() throws -> Received {
    guard let received = try receiveOrEnd() else { throw Failure("the server closed the connection") }
    return received
  }

  /// The next message; nil at the end of the connection.
  func receiveOrEnd() throws -> Received? {
    while true {
      guard let header = try take(20) else { return nil }
      let length = Int(header[0]) | Int(header[1]) << 8 | Int(header[2]) << 16 | Int(header[3]) << 24
      guard let body = try take(length) else { throw Failure("the connection ended inside a frame") }
      var decoder = FrameDecoder(bodyByteCountMax: 8 << 20)
      let whole = header + body
      var position = 0
      let frame = try decoder.next(from: whole.span.bytes, at: &position)
      guard let frame else { throw Failure("no frame: \(whole.prefix(20))") }
      let message = try Message(decoding: frame)
      if case .ping(let token) = message {
        if answersPings { try send(.pong(token)) }
        if !showsPings { continue }
      }
      return Received(id: frame.id, message: message)
    }
  }

  /// The refusal that must come next.
  func receiveError() throws -> (id: UInt32, refusal: Refusal) {
    let received = try receive()
    guard case .error(let refusal) = received.message else {
      throw Failure("\(received.message.type) in place of ERROR")
    }
    return (received.id, refusal)
  }

  private func take(_ count: Int) throws -> [UInt8]? {
    while input.count - offset < count {
      var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let wait = Int32(Environment.patience / .milliseconds(1))
      guard poll(&polled, 1, wait) > 0 else { throw Failure("nothing came from the server") }
      var buffer = [UInt8](repeating: 0, count: 64 << 10)
      let got = recv(descriptor, &buffer, buffer.count, 0)
      if got < 0, errno == EINTR { continue }
      if got < 0 { throw Failure.errno("recv") }
      if got == 0 { return nil }
      if offset > 1 << 20 {
        input.removeFirst(offset)
        offset = 0
      }
      input.append(contentsOf: buffer[..<got])
    }
    defer { offset += count }
    return Array(input[offset..<offset + count])
  }

  func fact(_ key: String) throws -> Int {
    try send(.stat, id: .max)
    guard case .status(let facts) = try receive().message else { throw Failure("no STATUS came") }
    for fact in facts where fact.key == key {
      if case .number(let number) = fact.value { return Int(number) }
    }
    throw Failure("the server tells no \(key)")
  }

  /// A batch of plain messages as an APPEND.
  static func append(
    _ messages: [String], to stream: String, producer: ProducerID, number: UInt64, floor: UInt64 = 1
  ) throws -> Message {
    var builder = BatchBuilder(seed: 1)
    for message in messages { _ = try builder.append(LogEntry(message: ByteString(message))) }
    return .append(
      Append(
        producer: producer, number: number, floor: floor, stream: try StreamName(stream),
        batch: builder.finish(compressor: Compressor()).bytes))
  }
}

/// Plain blocking sockets.
enum Sockets {
  static func connect(unix path: String) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw Failure.errno("socket") }
    var address = Self.address(unix: path)
    try connect(descriptor, &address)
    return descriptor
  }

  private static func address(unix path: String) -> sockaddr_un {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    return address
  }

  static func connect(port: UInt16) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw Failure.errno("socket") }
    var address = loopback(port)
    try connect(descriptor, &address)
    return descriptor
  }

  private static func connect<Address>(_ descriptor: Int32, _ address: inout Address) throws {
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<Address>.size))
      }
    }
    guard result == 0 else {
      let failure = Failure.errno("connect")
      close(descriptor)
      throw failure
    }
  }

  /// A listening Unix socket.
  static func listen(unix path: String) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw Failure.errno("socket") }
    let address = Self.address(unix: path)
    let result = withUnsafePointer(to: address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(descriptor, address, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0 && Glibc.listen(descriptor, 64) == 0
      }
    }
    guard result else { throw Failure.errno("listen") }
    return descriptor
  }

  /// A listening TCP socket on a free port of the loopback, or of all addresses.
  static func listen(onAllAddresses: Bool = false) throws -> (descriptor: Int32, port: UInt16) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw Failure.errno("socket") }
    var address = loopback(0)
    if onAllAddresses { address.sin_addr.s_addr = 0 }
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(descriptor, address, length) == 0 && Glibc.listen(descriptor, 64) == 0
          && getsockname(descriptor, address, &length) == 0
      }
    }
    guard result else { throw Failure.errno("listen") }
    return (descriptor, UInt16(bigEndian: address.sin_port))
  }

  private static func loopback(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    return address
  }
}
