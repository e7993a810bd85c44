internal import Glibc

extension StreamLogger {
  /// A passthrough that writes each entry to stderr as one line, with one write, so that lines of several threads do not mix.
  ///
  /// It waits while stderr takes nothing, as any output does; what stderr refuses is lost.
  public static let standardError: @Sendable (LogEntry) -> Void = { entry in
    write(EntryLine.bytes(of: entry), to: STDERR_FILENO)
  }

  package static func write(_ line: [UInt8], to descriptor: Int32) {
    var offset = 0
    while offset < line.count {
      let count = unsafe line[offset...].withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        return
      }
      offset += count
    }
  }
}
