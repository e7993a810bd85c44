internal import Glibc
internal import LogsClient
internal import LogsSystem
internal import LogsText
internal import Synchronization

/// Reads lines from files or stdin on its own thread, so that waiting for input blocks nothing else.
actor LineReader {
  /// Lines of one file that arrived together.
  struct Chunk: Sendable {
    let lines: [LineCutter.Line]
    let origin: LineOrigin
    /// Whether no more input was waiting when these were read, or their file ends: then they are sent now.
    let isLastForNow: Bool
  }

  private let executor = ThreadExecutor("logs-input")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  /// Bytes of all files; nil if one of them is not a regular file.
  nonisolated let byteCountTotal: Int?
  private nonisolated let byteCountTaken = Atomic<Int>(0)

  private var paths: ArraySlice<String>
  private var file: InputFile?
  /// Why the file cannot be read on: thrown when the lines before it are taken.
  private var failure: CommandError?
  private var cutter: LineCutter
  private nonisolated let sharedReport = Mutex(LineCutter.Report())

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
      if unsafe access(path, R_OK) != 0 { throw InputFile.unreadable(path) }
    }
  }

  /// The next lines; nil at the end of the last file.
  func next() throws(CommandError) -> Chunk? {
    while true {
      if let failure { throw failure }
      if file == nil, let path = paths.popFirst() { file = try InputFile(path) }
      guard let file else { return nil }
      let countBefore = file.byteCountRead
      let bytes: ArraySlice<UInt8>
      do throws(CommandError) { bytes = try file.read() } catch {
        failure = error
        return Chunk(lines: [], origin: origin(of: file), isLastForNow: true)
      }
      byteCountTaken.add(file.byteCountRead - countBefore, ordering: .relaxed)
      let isEnd = bytes.isEmpty
      let lines = isEnd ? cutter.endFile() : cutter.append(bytes)
      noteCutting(file.name)
      if isEnd { self.file = nil }
      if lines.isEmpty, !isEnd { continue }
      return Chunk(lines: lines, origin: origin(of: file), isLastForNow: isEnd || !file.hasInput)
    }
  }

  private func origin(of file: InputFile) -> LineOrigin { LineOrigin(path: file.path, isDecoded: cutter.isDecoding) }

  private func noteCutting(_ name: String) {
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
}
