internal import Glibc

extension LogCursor {
  /// Reads a cursor file; nil when there is none, or an empty one: `touch` and `mktemp` make those, `write` never does.
  ///
  /// - Throws: `LogError`: `fileFailed` when the system cannot read it, `invalidCursor` when its text breaks the form.
  public init?(contentsOfFile path: String) throws(LogError) {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw Self.failed("reading", path)
    }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = unsafe read(descriptor, &piece, piece.count)
      if count == 0 { break }
      if count < 0 {
        if errno == EINTR { continue }
        throw Self.failed("reading", path)
      }
      bytes += piece[..<count]
    }
    if bytes.isEmpty { return nil }
    do { try self.init(parsing: String(decoding: bytes, as: UTF8.self)) } catch {
      throw LogError(error.code, "\(path): \(error.message)", cause: error.cause)
    }
  }

  /// Replaces the file as a whole: whoever reads it, also after a crash or power loss, finds the old cursor or this one.
  ///
  /// A new file beside it, `path.tmp`, is written and synced, renamed over it, and the directory is synced. What a process
  /// that was killed meanwhile has left there is replaced by the next write. It blocks for two fsyncs. One writer at a time.
  /// - Throws: `LogError` with `fileFailed`; the old cursor is then still there, or, if only the last sync failed, this one.
  public func write(toFile path: String) throws(LogError) {
    let temporary = "\(path).tmp"
    // Made anew rather than emptied: what stands there may be a link, or another user's.
    guard unsafe unlink(temporary) == 0 || errno == ENOENT else { throw Self.failed("replacing", temporary) }
    let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Self.failed("writing", temporary) }
    do throws(LogError) {
      defer { close(descriptor) }
      try Self.writeAll(Array(fileText.utf8), to: descriptor, temporary)
      guard fsync(descriptor) == 0 else { throw Self.failed("writing", temporary) }
    } catch {
      unsafe unlink(temporary)
      throw error
    }
    guard unsafe rename(temporary, path) == 0 else {
      let error = Self.failed("replacing", path)
      unsafe unlink(temporary)
      throw error
    }
    try Self.syncDirectory(of: path)
  }

  private static func writeAll(_ bytes: [UInt8], to descriptor: Int32, _ path: String) throws(LogError) {
    var offset = 0
    while offset < bytes.count {
      let count = unsafe bytes[offset...].withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw failed("writing", path)
      }
      offset += count
    }
  }

  /// A rename lasts once the directory is on disk.
  private static func syncDirectory(of path: String) throws(LogError) {
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let descriptor = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failed("syncing", directory) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failed("syncing", directory) }
  }

  private static func failed(_ what: String, _ path: String) -> LogError {
    let number = errno
    let words = unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
    return LogError(.fileFailed, "\(what) \(path) failed: \(words)", cause: words)
  }
}
