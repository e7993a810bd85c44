internal import Glibc

/// stdout for data and stderr for notices.
enum Terminal {
  /// Whoever read stdout has gone.
  struct PipeClosed: Error {}

  /// Writes all of `bytes` to stdout, waiting for a slow reader.
  ///
  /// - Throws: `PipeClosed`, or a `CommandError` when the disk behind it is full and the like.
  static func write(_ bytes: [UInt8]) throws {
    var offset = 0
    while offset < bytes.count {
      let count = unsafe bytes[offset...].withUnsafeBytes {
        unsafe Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count)
      }
      if count >= 0 {
        offset += count
      } else if errno == EPIPE {
        throw PipeClosed()
      } else if errno == EAGAIN {
        waitForRoom()
      } else if errno != EINTR {
        throw CommandError("cannot write to stdout: \(unsafe String(cString: strerror(errno)))")
      }
    }
  }

  static func write(line: String) throws { try write(Array((line + "\n").utf8)) }

  /// stdout may be shared with a program that has made it non-blocking.
  private static func waitForRoom() {
    var descriptor = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
    unsafe poll(&descriptor, 1, -1)
  }

  /// One line to stderr. If nobody can read it, that is no reason to fail.
  static func note(_ text: String) {
    let bytes = Array("logs: \(text)\n".utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }

  static var isOutputTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  static func environment(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }

  /// Whether to colour: the flag, else `NO_COLOR`, else `CLICOLOR_FORCE`, else `TERM=dumb`, else whether stdout is a terminal.
  static func usesColor(_ arguments: Arguments) throws(CommandError) -> Bool {
    if arguments.has("no-color") { return false }
    switch arguments.value("color") {
    case nil, "auto": break
    case "always": return true
    case "never": return false
    case let other?: throw .usage("--color takes auto, always or never, not '\(other)'")
    }
    if let value = environment("NO_COLOR"), !value.isEmpty { return false }
    if let value = environment("CLICOLOR_FORCE"), !value.isEmpty, value != "0" { return true }
    return environment("TERM") != "dumb" && isOutputTerminal
  }
}
