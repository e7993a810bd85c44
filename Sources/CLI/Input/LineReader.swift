internal import Glibc
internal import LogsClient
internal import Synchronization

/// Reads lines from files or stdin on a thread of its own, so that waiting for input holds up nothing else.
///
/// A line is what stands before `\n`: `\r` and bytes that are not UTF-8 stay. A last line without `\n` counts as well.
actor LineReader {
  struct Line: Sendable {
    /// The line, or its first mebibyte: no message can hold more.
    let bytes: Bytes
    /// Its whole length.
    let byteCount: Int
  }

  /// Lines that arrived together.
  struct Chunk: Sendable {
    let lines: [Line]
    /// Nothing more was waiting when these were read: a reason to send them now.
    let isLastForNow: Bool
  }

  private let executor = BlockingExecutor(label: "logs.input")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  /// Bytes of all files, as far as they are regular files; nil when some are not.
  nonisolated let byteCountTotal: Int?
  private nonisolated let byteCountTaken = Atomic<Int>(0)

  private var paths: ArraySlice<String>
  private var file: Int32 = -1
  private var name = ""
  /// The beginning of a line whose end has not been read yet, as far as it is kept, and its length so far.
  private var rest: [UInt8] = []
  private var restByteCount = 0
  private var buffer = [UInt8](repeating: 0, count: readByteCount)

  private static let readByteCount = 256 << 10
  private static let lineByteCountMax = 1 << 20

  /// - Parameter paths: `-` stands for stdin; none means stdin alone.
  init(paths: [String]) {
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

  /// Checks that every file can be read, before anything is sent. Opens none: a pipe may be opened once.
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
        throw CommandError("cannot read \(name): \(unsafe String(cString: strerror(errno)))")
      }
      guard count > 0 else {
        if file != STDIN_FILENO { close(file) }
        file = -1
        guard restByteCount > 0 else { continue }
        return Chunk(lines: [takeRest()], isLastForNow: true)
      }
      byteCountTaken.add(count, ordering: .relaxed)
      let lines = cut(count)
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
    CommandError("cannot read \(path): \(unsafe String(cString: strerror(errno))); check the path and its rights")
  }

  /// Cuts what was read into lines that share one copy of it.
  private func cut(_ count: Int) -> [Line] {
    let input = buffer[..<count]
    guard let first = input.firstIndex(of: UInt8(ascii: "\n")), let last = input.lastIndex(of: UInt8(ascii: "\n"))
    else {
      keep(input)
      return []
    }
    var lines: [Line] = []
    var start = 0
    if restByteCount > 0 {
      keep(input[..<first])
      lines.append(takeRest())
      start = first + 1
    }
    if start <= last {
      let whole = Bytes(Array(input[start...last]))
      var lineStart = 0
      unsafe whole.withUnsafeBytes { bytes in
        for index in bytes.indices where unsafe bytes[index] == UInt8(ascii: "\n") {
          lines.append(Line(bytes: whole[lineStart..<index], byteCount: index - lineStart))
          lineStart = index + 1
        }
      }
    }
    keep(input[(last + 1)...])
    return lines
  }

  private func keep(_ bytes: ArraySlice<UInt8>) {
    rest.append(contentsOf: bytes.prefix(Self.lineByteCountMax - rest.count))
    restByteCount += bytes.count
  }

  private func takeRest() -> Line {
    defer {
      rest.removeAll(keepingCapacity: rest.count < Self.readByteCount)
      restByteCount = 0
    }
    return Line(bytes: Bytes(rest), byteCount: restByteCount)
  }

  /// Whether a read would return at once; waits until it would, if asked.
  private func hasInput(waiting: Bool) -> Bool {
    var descriptor = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&descriptor, 1, waiting ? -1 : 0) == 1
  }
}
