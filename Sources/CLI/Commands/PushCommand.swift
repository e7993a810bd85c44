internal import Glibc
internal import LogsClient
internal import Synchronization

/// `logs push`: every line of files or stdin becomes an entry.
enum PushCommand {
  static let command = Command(
    name: "push", synopsis: "STREAM [FILE...]",
    summary: "append the lines of files or stdin, and wait until they are durable",
    details: """
      Every line of the files, or of stdin, becomes an entry of STREAM. A line is what stands before the newline: \\r and
      bytes that are not UTF-8 stay. Lines over 1 MiB are cut and marked. Waits for the durable acknowledgements, through
      lost connections and restarts of the server; ends with 0 only when all lines are acknowledged.
      """, options: options, run: run)

  private static let options = [
    Option(
      "format", form: "FORMAT",
      help: "raw (default: the line is the message), json, logfmt, or auto (whichever each line is)"),
    Option("source", form: "S", help: "who wrote the lines, at most 255 bytes"),
    Option("level", ["l"], form: "LEVEL", help: "their severity: trace, debug, info, notice, warn, error or fatal"),
    Option("complete", help: "seal the stream behind them"),
    Option("quiet", ["q"], help: "no summary"),
  ]

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    guard let streamText = arguments.operands.first else {
      throw CommandError.usage("push needs a stream; see logs help push")
    }
    let stream = try StreamName(streamText)
    let reader = LineReader(paths: Array(arguments.operands.dropFirst()))
    try await reader.check()
    let form = try EntryForm(arguments)
    let client = try ConnectionOptions.client(arguments, patience: nil)
    let notices = ConnectionNotices.begin(client)
    defer { notices.cancel() }

    let push = Push(client: client, stream: stream, form: form)
    let summary: Push.Summary
    do { summary = try await push.run(reader) } catch {
      let progress = "\(push.acknowledgedCount) entries of \(stream) are acknowledged"
      if Task.isCancelled { Terminal.note("interrupted; \(progress)") }
      throw PushFailure(cause: error, progress: progress)
    }
    if arguments.has("complete") { _ = try await client.complete(stream) }
    await client.shutdown(deadline: .seconds(5))
    if !arguments.has("quiet") { Terminal.note(summary.text(stream, isComplete: arguments.has("complete"))) }
    return ExitCode.done
  }
}

/// A push that did not come to its end: why, and how far it came.
struct PushFailure: Error {
  let cause: any Error
  let progress: String
}

/// What each line becomes.
private struct EntryForm: Sendable {
  private let format: LineFormat
  private let source: Bytes
  private let severity: Severity
  /// Lines that come from a pipe are written about now; those of a file some time ago.
  private let hasArrivalTime: Bool

  init(_ arguments: Arguments) throws(CommandError) {
    let formatText = arguments.value("format") ?? LineFormat.raw.rawValue
    guard let format = LineFormat(rawValue: formatText) else {
      throw .usage("--format takes raw, json, logfmt or auto, not '\(formatText)'")
    }
    self.format = format
    source = Bytes(arguments.value("source") ?? "")
    if source.count > 255 { throw .usage("--source takes at most 255 bytes, not \(source.count)") }
    if let level = arguments.value("level") {
      guard let severity = Severity(name: level) else {
        throw .usage("--level takes trace, debug, info, notice, warn, error or fatal, not '\(level)'")
      }
      self.severity = severity
    } else {
      severity = .unspecified
    }
    var status = stat()
    let files = arguments.operands.dropFirst()
    let isStdin = files.isEmpty || files.elementsEqual(["-"])
    let isKnown = unsafe fstat(STDIN_FILENO, &status) == 0
    hasArrivalTime = isStdin && isKnown && status.st_mode & S_IFMT != S_IFREG
  }

  func entries(_ lines: some Sequence<LineReader.Line>) -> [Entry] {
    let time = hasArrivalTime ? Timestamp.now() : 0
    let template = Entry(message: Bytes(), time: time, severity: severity, source: source)
    return lines.map { line in
      guard line.byteCount == line.bytes.count else {
        // Only raw: what is cut is in no format any more.
        var cut = LineFormat.raw.entry(line.bytes, like: template)
        cut.attributes = [Attribute("logs.truncated", .integer(Int64(line.byteCount)))]
        return cut
      }
      return format.entry(line.bytes, like: template)
    }
  }
}

/// Reads, sends and waits at once: reading never waits for an acknowledgement, only for room in the client's queue.
private final class Push: Sendable {
  struct Summary: Sendable {
    var entryCount: UInt64 = 0
    var first: UInt64?
    var last: UInt64 = 0

    func text(_ stream: StreamName, isComplete: Bool) -> String {
      let seal = isComplete ? "; the stream is complete" : ""
      guard let first else { return "0 entries for \(stream): no lines\(seal)" }
      return "\(entryCount) entries of \(stream) acknowledged, sequence numbers \(first) to \(last)\(seal)"
    }
  }

  private let client: LogClient
  private let stream: StreamName
  private let form: EntryForm
  private let acknowledged = Atomic<UInt64>(0)

  /// Entries sent in one batch.
  private static let batchEntryCount = 1_000
  /// Bytes of lines at which a batch is sent, whatever their number.
  private static let batchByteCount = 512 << 10

  init(client: LogClient, stream: StreamName, form: EntryForm) {
    self.client = client
    self.stream = stream
    self.form = form
  }

  var acknowledgedCount: UInt64 { acknowledged.load(ordering: .relaxed) }

  func run(_ reader: LineReader) async throws -> Summary {
    let (pending, queue) = AsyncThrowingStream.makeStream(of: PendingAppend.self)
    // Not a child task: a read that waits for input cannot be cancelled, and a failed append must not wait for it.
    let feeding = Task {
      do {
        try await self.feed(reader) { queue.yield($0) }
        queue.finish()
      } catch { queue.finish(throwing: error) }
    }
    defer { feeding.cancel() }
    var summary = Summary()
    for try await append in pending {
      let receipt = try await append.receipt
      summary.entryCount += receipt.entryCount
      summary.first = summary.first ?? receipt.sequences.lowerBound
      summary.last = receipt.sequences.upperBound
      acknowledged.store(summary.entryCount, ordering: .relaxed)
    }
    try Task.checkCancellation()
    return summary
  }

  /// - Parameter submitted: called for each append in order; how many wait is bounded by the client's queue.
  private func feed(_ reader: LineReader, submitted: (PendingAppend) -> Void) async throws {
    var lines: [LineReader.Line] = []
    var byteCount = 0
    while let chunk = try await reader.next() {
      for line in chunk.lines {
        lines.append(line)
        byteCount += line.bytes.count
        guard lines.count == Self.batchEntryCount || byteCount >= Self.batchByteCount else { continue }
        submitted(try await client.submit(form.entries(lines), to: stream))
        lines.removeAll(keepingCapacity: true)
        byteCount = 0
      }
      if chunk.isLastForNow, !lines.isEmpty {
        submitted(try await client.submit(form.entries(lines), to: stream))
        lines.removeAll(keepingCapacity: true)
        byteCount = 0
      }
    }
    if !lines.isEmpty { submitted(try await client.submit(form.entries(lines), to: stream)) }
  }
}
