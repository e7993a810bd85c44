internal import LogsSystem

extension LogCursor {
  private static let files = PosixFileSystem(readableBy: .everybody)

  /// Reads a cursor file; nil when there is none, or an empty one: `touch` and `mktemp` make those, `write` never does.
  ///
  /// - Throws: `LogError`: `fileFailed` when the system cannot read it, `invalidCursor` when its text breaks the form.
  public init?(contentsOfFile path: String) throws(LogError) {
    let content: [UInt8]?
    do { content = try Self.files.read(path) } catch { throw Self.failed("reading", error) }
    guard let content, !content.isEmpty else { return nil }
    do { try self.init(parsing: String(decoding: content, as: UTF8.self)) } catch {
      throw LogError(error.code, "\(path): \(error.message)", cause: error.cause)
    }
  }

  /// Replaces the file as a whole: a reader, also after a crash or power loss, finds the old cursor or this
  /// one.
  ///
  /// A new file beside it, `path.tmp`, is written and synced, renamed over it, and the directory is synced. What a
  /// process that was killed meanwhile has left there is replaced by the next write. It blocks for two fsyncs. One
  /// writer at a time.
  /// - Throws: `LogError` with `fileFailed`; the old cursor is then still there, or, if only the last sync failed,
  ///   this one.
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
