internal import Glibc
internal import LogsClient
internal import LogsShip
internal import LogsSystem
internal import LogsText
internal import LogsWire

/// `logs push -F`: the reader of `logs ship`, for files that are named and go to one stream.
enum PushFollowing {
  /// - Parameters:
  ///   - files: read from their beginnings, or from where an earlier push with the same spool has read them to.
  ///   - spool: where what was read is kept; nil for a directory that is gone at the end.
  static func run(
    _ stream: StreamName, _ files: [String], spool: String?, lines: LinePipeline.Configuration, _ arguments: Arguments
  ) async throws -> Int32 {
    var scratch: String?
    if spool == nil {
      var template = Array("\(Terminal.environment("TMPDIR") ?? "/tmp")/logs-push-XXXXXX".utf8CString)
      guard unsafe mkdtemp(&template) != nil else {
        throw CommandError("cannot make a directory for what is read: \(SystemError.last.text); name one with --spool")
      }
      scratch = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    defer { if let scratch { remove(scratch) } }
    guard let state = spool ?? scratch else { return ExitCode.failed }

    var plan = ShipPlan(stateDirectory: state)
    // The same that push and spool drain use.
    plan.shipper.ownSpoolDirectory = state
    plan.sources = try files.map { .files(try Self.source(of: $0, to: stream, isAlone: files.count == 1, lines)) }
    Terminal.note("follows \(files.joined(separator: ", ")); Ctrl-C ends it")
    return try await ShipRun.run(plan, arguments, keeping: spool == nil ? .nothing : .spool, reading: nil)
  }

  private static func source(
    of file: String, to stream: StreamName, isAlone: Bool, _ lines: LinePipeline.Configuration
  ) throws -> FileSourceConfiguration {
    switch FileGlob.kind(file) {
    case .directory: throw CommandError("\(file) is a directory; logs ship --files '\(file)/*' follows the files in it")
    case nil: Terminal.note("\(file) is not there yet; it is read when it is")
    default:
      guard !FileSourceConfiguration.isArchive(file) else {
        throw CommandError("\(file) is compressed, and is not written to any more; push reads it without -F")
      }
    }
    var lines = lines
    // As without -F: each of several is the source of its lines.
    if !isAlone, lines.source.isEmpty { lines.source = LineOrigin(path: file, isDecoded: false).source }
    let glob = FileGlob(escaped(file), workingDirectory: FileGlob.workingDirectory)
    var source = FileSourceConfiguration(name: isAlone ? "push" : "push \(file)", globs: [glob], lines: lines)
    source.stream = try StreamTemplate(stream.text, words: [])
    source.start = .beginning
    return source
  }

  /// A path as a glob that means this path alone.
  private static func escaped(_ path: String) -> String {
    path.map { "*?[\\".contains($0) ? "\\\($0)" : String($0) }.joined()
  }

  private static func remove(_ directory: String) {
    for name in FileGlob.names(in: directory) { unsafe unlink("\(directory)/\(name)") }
    unsafe rmdir(directory)
  }
}
