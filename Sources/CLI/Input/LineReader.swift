internal import Glibc
internal import LogsClient
internal import LogsSystem
internal import LogsText
internal import Synchronization

/// Reads lines from files or stdin on its own thread, so that waiting for input blocks nothing else.
actor LineReader {
  /// Lines that arrived together.
  struct Chunk: Sendable {
    let lines: [LineCutter.Line]
    /// Whether no more input was waiting when these were read: then they are sent now.
    let isLastForNow: Bool
  }

  private let executor = ThreadExecutor("logs-input")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  /// Bytes of all files; nil if one of them is not a regular file.
  nonisolated let byteCountTotal: Int?
  private nonisolated let byteCountTaken = Atomic<Int>(0)

  private var paths: ArraySlice<String>
  private var file: Int32 = -1
  private var name = ""
  private var cutter: LineCutter
  private nonisolated let sharedReport = Mutex(LineCutter.Report())
  private var buffer = [UInt8](repeating: 0, count: readByteCount)

  private static let readByteCount = 256 << 10

  /// - Parameter paths: `-` is stdin; without any, stdin is read.
  init(paths: [String], _ configuration: LineCutter.Configuration) {
    cutter = LineCutter(configuration)
    self.paths = paths.isEmpty ? ["-"] : paths[...]
    byteCountTotal = self.paths.reduce(0) { total, path in
      var status = stat()
      let isKnown = unsafe (path == "-" ? fstat(STDIN_FILENO, &status) : stat(path, &status)) == 0
      guard let total, isKnown, status.st_mode & S_IFMT == S_IFREG else { return nil }
      return total + Int(status.st_size)
    }
  }

  /// Bytes read so far.
  nonisolated var byteCountRead: Int { byteCountTaken.load(ordering: .relaxed) }

  /// What did not become lines as it was.
  nonisolated var report: LineCutter.Report { sharedReport.withLock { $0 } }

  /// Checks that every file can be read before anything is sent. Opens none: a pipe can be opened only once.
  func check() throws(CommandError) {
    for path in paths where path != "-" {
      var status = stat()
      if unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
        throw CommandError("cannot read \(path): it is a directory; name its files")
      }
      if unsafe access(path, R_OK) != 0 { throw Self.unreadable(path) }
    }
  }

  /// The next lines; nil at the end of the last file.
  func next() throws(CommandError) -> Chunk? {
    while true {
      if file < 0 {
        guard let path = paths.popFirst() else { return nil }
        name = path == "-" ? "stdin" : path
        file = path == "-" ? STDIN_FILENO : try Self.open(path)
      }
      let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        if errno == EAGAIN {
          // stdin may be shared with a program that has made it non-blocking.
          _ = hasInput(waiting: true)
          continue
        }
        throw CommandError("cannot read \(name): \(SystemError.last.text)")
      }
      guard count > 0 else {
        if file != STDIN_FILENO { close(file) }
        file = -1
        let lines = cutter.endFile()
        noteCutting()
        if lines.isEmpty { continue }
        return Chunk(lines: lines, isLastForNow: true)
      }
      byteCountTaken.add(count, ordering: .relaxed)
      let lines = cutter.append(buffer[..<count])
      noteCutting()
      if lines.isEmpty { continue }
      return Chunk(lines: lines, isLastForNow: !hasInput(waiting: false))
    }
  }

  private static func open(_ path: String) throws(CommandError) -> Int32 {
    let file = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw unreadable(path) }
    return file
  }

  private static func unreadable(_ path: String) -> CommandError {
    CommandError("cannot read \(path): \(SystemError.last.text); check the path and its permissions")
  }

  private func noteCutting() {
    let report = cutter.report
    sharedReport.withLock { $0 = report }
    switch cutter.takeFinding() {
    case nil: break
    case .utf16Kept:
      Terminal.note("\(name) begins with the mark of UTF-16: raw keeps its bytes; --encoding utf-16 decodes them")
    case .unmarkedUTF16:
      Terminal.note(
        "\(name) looks like UTF-16 without a mark, and its bytes are kept; --encoding utf-16 decodes them")
    case .utf32:
      Terminal.note(
        "\(name) begins with the mark of UTF-32, which is not supported: its bytes are kept; convert it with iconv")
    }
  }

  /// Whether a read would return at once; waits until it would, if asked.
  private func hasInput(waiting: Bool) -> Bool {
    var descriptor = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&descriptor, 1, waiting ? -1 : 0) == 1
  }
}
