internal import Glibc
internal import LogsSystem
internal import LogsText
internal import LogsWire
internal import Synchronization

/// stdout for data and stderr for notices.
enum Terminal {
  /// The reader of stdout is gone.
  struct PipeClosed: Error {
    /// How many bytes it took before.
    let byteCount: Int
  }

  /// How often a write that waits for a slow reader checks whether it was cancelled.
  private static let pollMilliseconds: Int32 = 100
  /// pipe(7): this much can be written without waiting once poll reports room.
  private static let pipeByteCount = 4_096

  /// Writes `bytes` to stdout, waiting for a slow reader.
  ///
  /// - Parameter isCancelled: called repeatedly while it waits.
  /// - Returns: how many were written: all, unless it was cancelled.
  /// - Throws: `PipeClosed`, or a `CommandError`, for example when the disk is full.
  static func write(_ bytes: [UInt8], isCancelled: () -> Bool = { false }) throws -> Int {
    var offset = 0
    while offset < bytes.count {
      if mayBlock, !hasRoom() {
        if isCancelled() { return offset }
        continue
      }
      let end = mayBlock ? min(offset + pipeByteCount, bytes.count) : bytes.count
      let count = unsafe bytes[offset..<end].withUnsafeBytes {
        unsafe Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count)
      }
      if count >= 0 {
        offset += count
      } else if errno == EPIPE {
        throw PipeClosed(byteCount: offset)
      } else if errno == EAGAIN {
        // stdout may be shared with a program that has made it non-blocking.
        if !hasRoom(), isCancelled() { return offset }
      } else if errno != EINTR {
        throw CommandError("cannot write to stdout: \(SystemError.last.text)")
      }
    }
    return offset
  }

  private static let kind: mode_t = {
    var status = stat()
    return unsafe fstat(STDOUT_FILENO, &status) == 0 ? status.st_mode & S_IFMT : 0
  }()

  static let isPipe = kind == S_IFIFO

  /// A write to a pipe, socket or terminal that nobody reads waits forever and cannot be cancelled.
  static let mayBlock = isPipe || kind == S_IFSOCK || isOutputTerminal

  /// Whether `pipeByteCount` bytes can be written without waiting; waits up to a poll interval for it.
  private static func hasRoom() -> Bool {
    var descriptor = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
    return unsafe poll(&descriptor, 1, pollMilliseconds) != 0
  }

  static func write(line: String) throws { _ = try write(Array((line + "\n").utf8)) }

  /// Whether only errors go to stderr.
  private static let isQuiet = Atomic(false)

  static func beQuiet() { isQuiet.store(true, ordering: .relaxed) }

  /// One line to stderr, escaped, since it may quote a server or logged data. A failure to write it is ignored.
  ///
  /// - Parameter isError: whether it is also wanted with `--quiet`.
  static func note(_ text: String, isError: Bool = false) {
    if !isError, isQuiet.load(ordering: .relaxed) { return }
    progressLine.withLock { line in
      writeError("\(line == nil ? "" : eraseLine)logs: \(PrintableText.escaped(text))\n\(line ?? "")")
    }
  }

  /// The line that shows progress. It stays below all notes.
  private static let progressLine = Mutex<String?>(nil)
  /// To the first column, and erase to the end: https://vt100.net/docs/vt510-rm/EL.html
  private static let eraseLine = "\r\u{1b}[K"

  /// Shows progress on the last line of the terminal; nil removes it.
  static func progress(_ text: String?) {
    progressLine.withLock { line in
      if line == nil, text == nil { return }
      line = text.map { "logs: \($0)" }
      writeError("\(eraseLine)\(line ?? "")")
    }
  }

  /// Leaves the progress on the screen.
  ///
  /// - Parameter endsLine: false if the cursor is below it already.
  static func keepProgress(endsLine: Bool) {
    progressLine.withLock { line in
      line = nil
      if endsLine { writeError("\n") }
    }
  }

  private static func writeError(_ text: String) {
    let bytes = Array(text.utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }

  static var isErrorTerminal: Bool { isatty(STDERR_FILENO) == 1 }

  static var isOutputTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  static func environment(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }

  /// Whether to colour what goes to stdout.
  static func usesColor(_ arguments: Arguments) throws(CommandError) -> Bool {
    try ColorChoice.isOn(arguments, isTerminal: isOutputTerminal, environment: environment)
  }

  /// Asks how many columns stdout's terminal has; nil if it is none.
  static var screen: (@Sendable () -> Int)? {
    guard isOutputTerminal else { return nil }
    return { columnCount }
  }

  /// 80 if the terminal does not say.
  private static var columnCount: Int {
    var size = winsize()
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }
}
