internal import Glibc
internal import LogsClient
internal import LogsText
internal import LogsWire

/// `logs push`: every line of files or stdin becomes an entry.
enum PushCommand {
  static let command = Command(
    name: "push", synopsis: "STREAM [FILE...]",
    summary: "append the lines of files or stdin, and wait until they are durable",
    details: """
      Every line of the files, or of stdin, becomes an entry of STREAM. A line ends at its newline; \\r
      and bytes that are not UTF-8 are kept. push reconnects when the connection is lost or the server
      restarts, and exits with 0 only when every line is durably stored and acknowledged.

      A line over 1 MiB is cut, marked with its length (logs.truncated), and reported. With --split it
      becomes several entries instead, whose attributes logs.partial_id, logs.partial_ordinal and
      logs.partial_last say how they belong together; follow -o raw joins them again. Such lines are read
      as raw, whatever the format.

      NUL bytes in front of a line's text (the hole that rotation by copytruncate leaves in a file) are
      left out and counted. A byte order mark at the start of a file is removed, and a file with the mark
      of UTF-16 is read as UTF-16. With --format raw, marks and UTF-16 are kept as they are, and a notice
      says so; with --encoding utf-16, raw decodes it as well.

      The lines of several files have the names of their files as their sources, unless --source is given
      or --format finds a source in the line. Files that gzip or zstd have compressed, stdin as well, are
      read as what is in them. A damaged one ends push; the lines before the damage are stored.

      Lines that were cut, are not in the format and so were kept as raw, or were decoded from UTF-16
      because of a file's mark, are counted and reported at the end, with the first one's sequence number.
      With --strict, push then exits with 1; all lines are stored all the same.

      With --spool, lines are written to DIR before they are sent. Whatever is not acknowledged when push
      ends, for whatever reason, is sent by the next push with the same DIR, or by logs spool drain DIR,
      and is stored once. The input is read to its end whether the server can be reached or not.

      With -F the files are followed, as logs ship does it: through rotation and truncation, until Ctrl-C.
      With --spool as well, the next one goes on where this one has read to.
      """, options: options, run: run)

  private static let options = [
    Option(
      "format", form: "FORMAT",
      help: """
        raw (default: the line is the message), json, logfmt, syslog, klog, cri, access, error (of nginx and Apache), \
        postgres (csvlog), text (time, level), or auto (whichever of them each line is)
        """),
    Option(
      "encoding", form: "E",
      help: "auto (default: UTF-8, or UTF-16 by a file's mark), utf-8, utf-16, utf-16le or utf-16be"),
    Option("split", help: "split lines over 1 MiB into several entries instead of cutting them"),
    Option(
      "input-zone", form: "ZONE",
      help: "the time zone of times without one: local (default, from TZ), utc, or an offset like +02:00"),
    Option(
      "source", form: "S", help: "who wrote the lines, in 255 bytes (default: the file's name, if there are several)"),
    Option(
      "level", ["l"], form: "LEVEL", help: "their severity: trace, debug, info, notice, warn, error, critical, fatal"),
    Option("strict", help: "exit with 1 when a line was cut, decoded from UTF-16, or is not in the format"),
    Option("follow-file", ["F"], help: "go on with what is added to the files, through rotation, until Ctrl-C"),
    Option("complete", help: "seal the stream after the last line"),
    Option("spool", form: "DIR", help: "keep lines on disk until they are acknowledged, at most 1 GiB"),
    Option("batch", form: "N", help: "at most N lines in a batch: 1 to 65536 (default 1000)"),
    Option("linger", form: "MS", help: "how long a line waits for others while a batch is in flight (default 10)"),
  ]

  /// What means nothing for files that have no end.
  private static let finite = ["complete", "strict", "split", "encoding", "batch", "linger"]

  private static func follow(_ stream: StreamName, _ files: [String], _ arguments: Arguments) async throws -> Int32 {
    guard !files.isEmpty, !files.contains("-") else {
      let flag = arguments.written("follow-file")
      throw CommandError.usage("\(flag) follows files, and none is named; a pipe needs no \(flag): logs push \(stream)")
    }
    if let flag = arguments.flags.first(where: { finite.contains($0.name) }) {
      let follow = arguments.written("follow-file")
      throw CommandError.usage(
        "\(flag.written) has no meaning with \(follow), which does not end; logs ship has more settings")
    }
    return try await PushFollowing.run(
      stream, files, spool: arguments.value("spool"), lines: try EntryForm(arguments).pipeline, arguments)
  }

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    guard let streamText = arguments.operands.first else {
      throw CommandError.usage("push needs a stream; see logs help push")
    }
    let files = Array(arguments.operands.dropFirst())
    let stream: StreamName
    do { stream = try NamedStream.of(streamText, for: "push") } catch let error as LogError {
      throw isFile(streamText) ? CommandError.usage("\(error.message); \(order(streamText, files))") : error
    }
    if arguments.has("follow-file") { return try await follow(stream, files, arguments) }
    let watch = ProducerWatch(hasSpool: arguments.has("spool"), stream: stream)
    let configuration = try producerConfiguration(arguments, watch)
    let form = try EntryForm(arguments)
    var cutting = LineCutter.Configuration()
    cutting.encoding = try encoding(arguments)
    cutting.keepsBytes = form.isRaw
    cutting.splitsLongLines = arguments.has("split")
    let reader = LineReader(paths: files, cutting)
    do { try await reader.check() } catch {
      guard let first = files.first, !isFile(first), isFile(stream.text) else { throw error }
      throw CommandError("\(error); \(order(stream.text, files))")
    }
    if files.isEmpty, isatty(STDIN_FILENO) == 1 {
      let hint = isFile(stream.text) ? "; for the file \(stream) write logs push STREAM \(stream)" : ""
      Terminal.note("reads lines for \(stream) from this terminal; Ctrl-D ends them\(hint)")
    }
    let patience = try ConnectionOptions.patience(arguments, else: nil)
    let client = try ConnectionOptions.client(arguments, patience: patience)
    let notices = ConnectionNotices(client, patience: patience)
    defer { notices.end() }
    let producer = try LogProducer(client, stream: stream, configuration: configuration)

    let push = Push(producer: producer, configuration: configuration, form: form)
    let progress = arguments.has("quiet") ? nil : PushProgress.begin(push, reader)
    let patient = ProgressWatch(client, patience: patience) {
      ProgressWatch.Progress(
        producer.counts, isWaiting: push.isWaiting || watch.isSpoolFailing, standstill: watch.standstill)
    }
    let isCompleting = arguments.has("complete")
    var summary: Push.Summary
    do {
      summary = try await patient.run { try await push.run(reader) }
      try await patient.run {
        if isCompleting { _ = try await producer.complete() }
        // An earlier push may have left batches of other streams in the spool.
        try await watch.drain(producer)
      }
    } catch {
      progress?.end()
      let isInterrupted = Task.isCancelled
      // From here on everything is given up: notices about it would say nothing new.
      notices.end()
      await producer.shutdown(deadline: .zero)
      let result = push.progress(stream) + kept(producer, configuration)
      if isInterrupted { Terminal.note("interrupted; \(result)", isError: true) }
      noteInput(reader, push, form, isStrict: false)
      watch.noteRefusals(but: error)
      throw PushFailure(cause: error, progress: result)
    }
    progress?.end()
    await producer.shutdown(deadline: .seconds(5))
    await client.shutdown(deadline: .seconds(5))
    let isStrict = arguments.has("strict")
    noteInput(reader, push, form, isStrict: isStrict)
    let counts = producer.counts
    guard counts.refused + counts.dropped == 0 else {
      watch.noteRefusals()
      let entries = Figures.count(counts.acknowledged, "entry", "entries")
      let lost = Figures.count(counts.refused + counts.dropped, "is", "are")
      Terminal.note("\(entries) acknowledged, \(lost) lost", isError: true)
      return ExitCode.failed
    }
    summary.restoredCount = counts.restored
    if !summary.isWhole { summary.entryCount = counts.acknowledged - counts.restored }
    Terminal.note(summary.text(stream, isComplete: isCompleting))
    return isStrict && !push.lineChanges.isEmpty ? ExitCode.failed : ExitCode.done
  }

  /// What to write where a file stands in front.
  private static func order(_ file: String, _ others: [String]) -> String {
    let stream = others.first.flatMap { isFile($0) ? nil : $0 } ?? "STREAM"
    return "the stream stands before its files: logs push \(ShellWord.quoted(stream)) \(ShellWord.quoted(file))"
  }

  private static func isFile(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  /// A loss is always reported, and so is what `--strict` fails for.
  private static func noteInput(_ reader: LineReader, _ push: Push, _ form: EntryForm, isStrict: Bool) {
    let notes = InputNotes(report: reader.report, changes: push.lineChanges, format: form.format)
    if let text = notes.cutLines { Terminal.note(text, isError: true) }
    for text in notes.otherChanges { Terminal.note(text, isError: isStrict) }
    if let text = notes.others { Terminal.note(text) }
  }

  private static func encoding(_ arguments: Arguments) throws(CommandError) -> TextEncoding {
    guard let text = arguments.value("encoding") else { return .automatic }
    guard let encoding = TextEncoding(rawValue: text.lowercased()) else {
      throw .notOne(text, of: TextEncoding.allCases.map(\.rawValue), for: "--encoding")
    }
    return encoding
  }

  private static func producerConfiguration(
    _ arguments: Arguments, _ watch: ProducerWatch
  ) throws(CommandError) -> LogProducerConfiguration {
    var configuration = LogProducerConfiguration()
    configuration.whenFull = .wait
    if let count = try arguments.number("batch", atLeast: 1) {
      guard count <= 65_536 else { throw .usage("--batch takes at most 65536 lines, not \(count)") }
      configuration.batchEntryCountMax = Int(count)
    }
    if let linger = try arguments.number("linger") { configuration.linger = .milliseconds(Int64(clamping: linger)) }
    if let directory = arguments.value("spool") {
      if directory.isEmpty { throw .usage("--spool takes a directory") }
      configuration.spool = SpoolConfiguration(directory: directory)
    }
    // `push` drains the producer itself, and an interruption must end it at once.
    configuration.handsOverAtExit = false
    configuration.onEvent = { watch.note($0) }
    return configuration
  }

  /// Says what stays on disk for the next push.
  private static func kept(_ producer: LogProducer, _ configuration: LogProducerConfiguration) -> String {
    guard let directory = configuration.spool?.directory, producer.counts.waiting > 0 else { return "" }
    let entries = Figures.count(producer.counts.waiting, "entry is", "entries are")
    return "; \(entries) kept in \(directory), and sent by logs spool drain \(directory)"
  }
}

/// A push that ended early: why, and how far it got.
struct PushFailure: Error {
  let cause: any Error
  let progress: String
}
