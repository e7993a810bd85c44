internal import Glibc
internal import LogsSystem
internal import LogsWire

/// A command to a server that runs on this machine, over its control socket.
struct ControlRequest {
  enum Outcome {
    /// What the server says, a line each with its level, and whether it has done what was asked.
    case answer([String], isDone: Bool)
    /// Nobody listens there, or this user may not call.
    case unreachable(SystemError)
    /// The server closed before it answered.
    case ended
    case timeout
  }

  /// An answer has a line for each setting at most.
  private static let byteCountMax = 1 << 20

  /// Asks, and waits for the answer.
  static func ask(_ command: ControlCommand, in dataDirectory: String, within duration: Duration) -> Outcome {
    let deadline = SystemClock.monotonic() &+ duration.nanoseconds
    let file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard file >= 0 else { return .unreachable(.last) }
    defer { close(file) }
    if let error = connect(file, ControlCommand.socketPath(dataDirectory)) { return .unreachable(error) }
    let words = Array("\(command.rawValue)\n".utf8)
    guard unsafe send(file, words, words.count, Int32(MSG_NOSIGNAL)) == words.count else { return .ended }
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while answer.count < byteCountMax {
      let left = deadline &- SystemClock.monotonic()
      guard left > 0 else { return .timeout }
      var poll = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
      let ready = unsafe Glibc.poll(&poll, 1, Int32(clamping: left / 1_000_000 + 1))
      if ready == 0 || (ready < 0 && errno == EINTR) { continue }
      let count = unsafe recv(file, &buffer, buffer.count, 0)
      if count <= 0 { break }
      answer += buffer[..<count]
    }
    var lines = String(decoding: answer, as: UTF8.self).split(separator: "\n").map(String.init)
    switch lines.popLast() {
    case ControlCommand.success: return .answer(lines, isDone: true)
    case ControlCommand.failure: return .answer(lines, isDone: false)
    default: return .ended
    }
  }

  private static func connect(_ file: Int32, _ path: String) -> SystemError? {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return SystemError(ENAMETOOLONG) }
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
    let length = socklen_t(MemoryLayout<sockaddr_un>.size)
    let status = unsafe withUnsafePointer(to: address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe Glibc.connect(file, $0, length) }
    }
    return status == 0 ? nil : .last
  }
}
