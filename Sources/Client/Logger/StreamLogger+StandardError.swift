internal import Glibc
internal import LogsSystem
internal import LogsText

extension StreamLogger {
  /// A passthrough that writes each entry to stderr as one line in one write, so that lines of several threads do not
  /// mix.
  ///
  /// It waits while stderr accepts nothing, as any output does; what fails to be written is lost.
  public static let standardError: @Sendable (LogEntry) -> Void = { entry in
    write(EntryLine.bytes(of: entry), to: STDERR_FILENO)
  }

  package static func write(_ line: [UInt8], to descriptor: Int32) {
    do { try Descriptor.write(line, to: descriptor) } catch { return }
  }
}
