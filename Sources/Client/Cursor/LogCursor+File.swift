internal import LogsSystem

extension LogCursor {
  private static let files = PosixFileSystem(readableBy: .everybody)

  /// Reads a cursor file; nil if there is none or it is empty: `touch` and `mktemp` make empty ones, `write` never
  /// does.
  ///
  /// - Throws: `LogError`: `fileFailed` if the system cannot read it, `invalidCursor` if its text is malformed.
  public init?(contentsOfFile path: String) throws(LogError) {
    let content: [UInt8]?
    do { content = try Self.files.read(path) } catch { throw Self.failed("reading", error) }
    guard let content, !content.isEmpty else { return nil }
    do { try self.init(parsing: String(decoding: content, as: UTF8.self)) } catch {
      throw LogError(error.code, "\(path): \(error.message)", cause: error.cause)
    }
  }

  /// Replaces the file atomically: a reader finds the old cursor or this one, even after a crash or power loss.
  ///
  /// A new file beside it, `path.tmp`, is written and synced, then renamed over it, and the directory is synced. If the
  /// process is killed meanwhile, the next write replaces what it has left. Blocks for two fsyncs. There may be only
  /// one writer at a time.
  /// - Throws: `LogError` with `fileFailed`. Then the old cursor is still there, or this one if only the last sync
  ///   failed.
  public func write(toFile path: String) throws(LogError) {
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    do {
      try Self.files.replace(path, temporary: "\(path).tmp") { _ in Array(fileText.utf8) }
      try Self.files.synchronize(directory: directory)
    } catch { throw Self.failed("writing", error) }
  }

  private static func failed(_ what: String, _ error: FileError) -> LogError {
    LogError(.fileFailed, "\(what) \(error.path) failed: \(error.text)", cause: error.text)
  }
}
