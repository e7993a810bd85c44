internal import Glibc
internal import LogsSystem
internal import LogsText
internal import LogsWire

/// A file or stdin as it is read: a compressed one as its content.
final class InputFile {
  let path: String
  /// Bytes of the file itself that were read so far.
  private(set) var byteCountRead = 0

  private let descriptor: Int32
  private var archive: Archive?
  private var content: (any ArchiveContent)?
  private var isAtStart = true
  /// Bytes that were read and not taken yet.
  private var bytes: ArraySlice<UInt8> = []
  private var buffer = [UInt8](repeating: 0, count: 256 << 10)

  /// - Parameter path: `-` is stdin.
  init(_ path: String) throws(CommandError) {
    self.path = path
    descriptor = path == "-" ? STDIN_FILENO : unsafe open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { throw Self.unreadable(path) }
  }

  deinit { if descriptor > STDERR_FILENO { close(descriptor) } }

  /// The name for people.
  var name: String { path == "-" ? "stdin" : path }

  static func unreadable(_ path: String) -> CommandError {
    CommandError("cannot read \(path): \(SystemError.last.text); check the path and its permissions")
  }

  /// The next bytes; empty at the end.
  func read() throws(CommandError) -> ArraySlice<UInt8> {
    if isAtStart { try begin() }
    guard let content else {
      defer { bytes = [] }
      return try bytes.isEmpty ? readBytes() : bytes
    }
    while true {
      let piece: ArraySlice<UInt8>
      do throws(ArchiveDamage) { piece = try content.take(&bytes) } catch {
        throw damaged(error)
      }
      if !piece.isEmpty { return piece }
      // The buffer must be in nobody else's hands, or it is copied.
      bytes = []
      bytes = try readBytes()
      if !bytes.isEmpty { continue }
      if content.isWhole { return [] }
      throw broken("it ends too early")
    }
  }

  /// Whether reading would return at once.
  var hasInput: Bool { !bytes.isEmpty || poll(waiting: false) }

  /// Reads as much as says what the file is.
  private func begin() throws(CommandError) {
    while Archive.mayBegin(bytes) {
      let more = try readBytes()
      if more.isEmpty { break }
      bytes += more
    }
    isAtStart = false
    archive = Archive.begun(bytes)
    if let named = Archive.named(path), archive == nil {
      throw CommandError(
        """
        cannot read \(name): its name is that of a \(named.program) file, and it is none; rename it to push it as it \
        is
        """
      )
    }
    content = archive?.content()
  }

  private func damaged(_ damage: ArchiveDamage) -> CommandError {
    switch damage {
    case .broken(let reason): return broken("its data is damaged (\(reason))")
    case .junk(let takenCount):
      let program = archive?.program ?? ""
      var status = stat()
      let isFile = unsafe fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
      let left = isFile ? max(0, Int(status.st_size) - byteCountRead) : 0
      let count = Figures.count(takenCount + bytes.count + left, "byte", "bytes")
      return CommandError(
        """
        cannot read \(name) further: its \(program) data has ended, and \(count)\(isFile ? "" : " or more") behind it \
        are something else and left out
        """)
    }
  }

  private func broken(_ reason: String) -> CommandError {
    let program = archive?.program ?? ""
    return CommandError("cannot read \(name) to its end: \(reason); check it with \(program) -t")
  }

  private func readBytes() throws(CommandError) -> ArraySlice<UInt8> {
    while true {
      let count = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
      if count >= 0 {
        byteCountRead += count
        return buffer[..<count]
      }
      if errno == EINTR { continue }
      // stdin may be shared with a program that has made it non-blocking.
      guard errno == EAGAIN else { throw CommandError("cannot read \(name): \(SystemError.last.text)") }
      _ = poll(waiting: true)
    }
  }

  private func poll(waiting: Bool) -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return unsafe Glibc.poll(&request, 1, waiting ? -1 : 0) == 1
  }
}
