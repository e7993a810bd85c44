import Glibc
import LogsSystem
import LogsTransport
import LogsWire
import Testing

/// What happened on a connection, in order, and what others wait for. Touched by the loop's thread alone.
final class Recorder: ConnectionHandler {
  var input: [UInt8] = []
  var drainedCount = 0
  var hasInputEnded = false
  var closeReasons: [CloseReason] = []
  var onReceived: (Connection, [UInt8]) -> Void = { _, _ in }
  var onInputEnded: (Connection) -> Void = { $0.closeLingering() }
  var onDrained: (Connection) -> Void = { _ in }
  var onClosed: (Connection, CloseReason) -> Void = { _, _ in }

  func received(_ bytes: RawSpan, on connection: Connection) {
    let new = bytes.withUnsafeBytes { Array($0) }
    input += new
    onReceived(connection, new)
  }

  func inputEnded(on connection: Connection) {
    hasInputEnded = true
    onInputEnded(connection)
  }

  func drained(_ connection: Connection) {
    drainedCount += 1
    onDrained(connection)
  }

  func closed(_ connection: Connection, reason: CloseReason) {
    closeReasons.append(reason)
    onClosed(connection, reason)
    // They often hold the recorder itself.
    onReceived = { _, _ in }
    onInputEnded = { _ in }
    onDrained = { _ in }
    onClosed = { _, _ in }
  }
}

/// A directory of its own for a test's Unix sockets.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/logs-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError(errno) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    if let directory = opendir(path) {
      while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
          pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        unlink("\(path)/\(name)")
      }
      closedir(directory)
    }
    rmdir(path)
  }
}

/// A blocking socket, for peers that behave in ways that `Connection` does not.
struct RawPeer: ~Copyable {
  let number: Int32

  init(unix path: String) throws {
    self.init()
    try connect(unix: path)
  }

  /// A Unix socket that is not connected yet.
  init() { number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0) }

  func connect(unix path: String) throws {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard status == 0 else { throw SystemError(errno) }
  }

  init(port: UInt16) throws {
    number = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else { throw SystemError(errno) }
  }

  deinit { close(number) }

  func write(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        send(number, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      sent += count
    }
  }

  func write(_ text: String) { write(Array(text.utf8)) }

  func endOutput() { shutdown(number, Int32(SHUT_WR)) }

  /// Makes the next close a reset.
  func resetOnClose() {
    var option = linger(l_onoff: 1, l_linger: 0)
    setsockopt(number, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
  }

  /// Reads exactly `count` bytes unless the connection ends before.
  func read(_ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var got = 0
    while got < count {
      let n = bytes.withUnsafeMutableBytes { recv(number, $0.baseAddress! + got, count - got, 0) }
      guard n > 0 else { break }
      got += n
    }
    return Array(bytes[..<got])
  }

  /// Reads to the end; the error that ended it, 0 for a clean end.
  func readToEnd() -> (bytes: [UInt8], error: Int32) {
    var all: [UInt8] = []
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let n = bytes.withUnsafeMutableBytes { recv(number, $0.baseAddress!, $0.count, 0) }
      if n == 0 { return (all, 0) }
      if n < 0 { return (all, errno) }
      all += bytes[..<n]
    }
  }
}

/// A loop with a listener; each connection gets a recorder, prepared by `prepare` on the loop.
final class TestServer: Sendable {
  let loop: EventLoop
  let endpoint: Endpoint
  private let listener: LoopBox<Listener?>
  private let directory: TemporaryDirectory?

  /// On a Unix socket unless `endpoint` says otherwise.
  init(on endpoint: Endpoint? = nil, prepare: @escaping @Sendable (Connection, Recorder) -> Void) async throws {
    let loop = try EventLoop.start(name: "server")
    var asked = endpoint
    if let endpoint {
      directory = nil
      asked = endpoint
    } else {
      let own = try TemporaryDirectory()
      asked = .unix(path: "\(own.path)/socket")
      directory = own
    }
    let box = LoopBox<Listener?>(nil)
    self.endpoint = try await loop.run { [asked] in
      let listener = try Listener.listen(on: asked!, loop: loop) { socket in
        let connection = Connection(adopting: socket, on: loop)
        let recorder = Recorder()
        prepare(connection, recorder)
        connection.handler = recorder
      }
      box.value = listener
      return listener.endpoint
    }
    self.loop = loop
    listener = box
  }

  deinit { loop.abandon() }

  var port: UInt16 {
    guard case .tcp(_, let port) = endpoint else { return 0 }
    return port
  }

  var path: String {
    guard case .unix(let path) = endpoint else { return "" }
    return path
  }

  func closeListener() async { await loop.run { self.listener.value?.close() } }
}

extension EventLoop {
  /// Connects and prepares the connection on the loop.
  func connect(
    to endpoint: Endpoint, timeout: Duration = .seconds(300),
    prepare: @escaping @Sendable (Connection, Recorder) -> Void
  ) async throws {
    let result: Result<Void, TransportError> = await withCheckedContinuation { continuation in
      execute {
        Connector.connect(to: endpoint, on: self, timeout: timeout) { result in
          continuation.resume(
            returning: result.map { connection in
              let recorder = Recorder()
              prepare(connection, recorder)
              connection.handler = recorder
            })
        }
      }
    }
    try result.get()
  }
}

let localhost4 = Endpoint.tcp(host: "127.0.0.1", port: 0)
