internal import Glibc
internal import LogsClient

/// Reads lines from files or stdin on a thread of its own, so that waiting for input holds up nothing else.
///
/// A line is what stands before `\n`: `\r` and bytes that are not UTF-8 stay. A last line without `\n` counts as well.
actor LineReader {
  /// Lines that arrived together.
  struct Chunk: Sendable {
    let lines: [Bytes]
    /// Nothing more was waiting when these were read: a reason to send them now.
    let isLastForNow: Bool
  }

  private let executor = BlockingExecutor(label: "logs.input")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  private var paths: ArraySlice<String>
  private var file: Int32 = -1
  private var name = ""
  /// The beginning of a line whose end has not been read yet.
  private var rest: [UInt8] = []
  private var buffer = [UInt8](repeating: 0, count: readByteCount)

  private static let readByteCount = 256 << 10
  /// A line longer than this is cut, as the longest message would be.
  private static let lineByteCountMax = 16 << 20

  /// - Parameter paths: `-` stands for stdin; none means stdin alone.
  init(paths: [String]) { self.paths = paths.isEmpty ? ["-"] : paths[...] }

  /// Checks that every file can be read, before anything is sent.
  func check() throws(CommandError) {
    for path in paths where path != "-" {
      let file = try Self.open(path)
      close(file)
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
        throw CommandError("cannot read \(name): \(unsafe String(cString: strerror(errno)))")
      }
      guard count > 0 else {
        if file != STDIN_FILENO { close(file) }
        file = -1
        guard !rest.isEmpty else { continue }
        defer { rest.removeAll() }
        return Chunk(lines: [Bytes(rest)], isLastForNow: true)
      }
      let lines = cut(count)
      if lines.isEmpty { continue }
      return Chunk(lines: lines, isLastForNow: !hasMore())
    }
  }

  private static func open(_ path: String) throws(CommandError) -> Int32 {
    let file = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else {
      throw CommandError(
        "cannot read \(path): \(unsafe String(cString: strerror(errno))); check the path and its rights")
    }
    var status = stat()
    if unsafe fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
      close(file)
      throw CommandError("cannot read \(path): it is a directory; name its files")
    }
    return file
  }

  /// Cuts what was read into lines that share one copy of it.
  private func cut(_ count: Int) -> [Bytes] {
    guard let lastNewline = buffer[..<count].lastIndex(of: UInt8(ascii: "\n")) else {
      keep(buffer[..<count])
      return []
    }
    let whole = Bytes(rest + buffer[..<lastNewline])
    rest.removeAll(keepingCapacity: true)
    keep(buffer[(lastNewline + 1)..<count])
    var lines: [Bytes] = []
    var start = 0
    unsafe whole.withUnsafeBytes { bytes in
      for index in bytes.indices where unsafe bytes[index] == UInt8(ascii: "\n") {
        lines.append(whole[start..<index])
        start = index + 1
      }
    }
    lines.append(whole[start..<whole.count])
    return lines
  }

  private func keep(_ bytes: ArraySlice<UInt8>) {
    let room = Self.lineByteCountMax - rest.count
    rest.append(contentsOf: bytes.prefix(room))
  }

  /// Whether a read would return at once.
  private func hasMore() -> Bool {
    var descriptor = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&descriptor, 1, 0) == 1
  }
}
