internal import LogsClient
internal import LogsSystem
internal import LogsText
internal import LogsWire

/// Writes entries for other programs, on a thread of its own: a slow reader of stdout, or the disk, makes this wait,
/// and by the credit the server.
actor Export {
  enum Form {
    case jsonl
    case csv
    case database(DatabaseExport)
  }

  private let executor = ThreadExecutor("logs-export")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  private let form: Form
  private var json = JSONWriter()
  private var csv = CSVLine(Export.fields, zone: .utc)
  private var output: [UInt8] = []
  /// How much was written.
  private(set) var found: (entryCount: UInt64, streamCount: UInt64) = (0, 0)

  private static let fields: [EntryField] = [
    .stream, .seq, .time, .received, .severity, .level, .source, .message, .attributes, .kind,
  ]
  /// What is made of entries before it is written.
  private static let outputByteCount = 1 << 20

  init(_ form: sending Form) { self.form = form }

  /// Writes the entries of one stream.
  ///
  /// - Returns: false when it was interrupted.
  func write(_ query: QuerySequence) async throws -> Bool {
    var entries = query.makeAsyncIterator()
    let countBefore = found.entryCount
    while let runs = try await entries.nextRuns() {
      for run in runs {
        for index in run.entries.indices { guard try write(run.entries[index], of: run.stream) else { return false } }
      }
    }
    if found.entryCount > countBefore { found.streamCount += 1 }
    return try flush()
  }

  private func write(_ entry: LogEntry, of stream: StreamName) throws -> Bool {
    found.entryCount += 1
    switch form {
    case .database(let database):
      try database.write(entry, of: stream)
      return !Task.isCancelled
    case .csv: csv.append(entry, of: stream, matches: [], isContext: false, to: &output)
    case .jsonl:
      json.removeAll()
      json.entry(entry, of: stream, form: .exact)
      json.newline()
      output += json.bytes
    }
    return output.count < Self.outputByteCount ? true : try flush()
  }

  /// - Returns: false when it was interrupted.
  private func flush() throws -> Bool {
    defer { output.removeAll(keepingCapacity: true) }
    return try Terminal.write(output, isCancelled: { Task.isCancelled }) == output.count && !Task.isCancelled
  }

  /// All is written.
  func finish() throws { if case .database(let database) = form { try database.finish() } }

  /// It is not whole: leaves no file.
  func giveUp() { if case .database(let database) = form { database.giveUp() } }
}
