internal import LogsClient
internal import LogsSystem

/// Prints what a query finds, on a thread of its own: a slow reader of stdout makes this wait, and by the credit the
/// server.
actor QueryPrinter {
  private let executor = ThreadExecutor("logs-output")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  private var writer: EntryWriter
  private var output: [UInt8] = []
  /// The last entry of the group before.
  private var last: StreamEntry?
  private var matchCount = 0

  init(writer: EntryWriter) { self.writer = writer }

  /// - Returns: how many entries were found.
  func print(_ query: QuerySequence) async throws -> Int {
    var entries = query.makeAsyncIterator()
    while let runs = try await entries.nextRuns() {
      guard try print(runs) else { break }
    }
    return matchCount
  }

  func print(_ query: QueryContextSequence) async throws -> Int {
    var entries = query.makeAsyncIterator()
    while let group = try await entries.nextRun() {
      if let last, let first = group.first, !Self.isNext(last, first.entry) { writer.appendSeparator(to: &output) }
      last = group.last?.entry
      guard try print(group) else { break }
    }
    return matchCount
  }

  /// What is made of entries before it is written.
  private static let outputByteCount = 1 << 20

  /// - Returns: false when it was interrupted.
  private func print(_ runs: [QueryRun]) throws -> Bool {
    for run in runs {
      matchCount += run.entries.count
      for index in run.entries.indices {
        writer.append(run.entries[index], of: run.stream, to: &output)
        if output.count >= Self.outputByteCount { guard try write() else { return false } }
      }
    }
    return try write()
  }

  /// - Returns: false when it was interrupted.
  private func print(_ items: [QueryEntry]) throws -> Bool {
    for item in items {
      if item.isMatch { matchCount += 1 }
      writer.append(item.entry.entry, of: item.entry.stream, isContext: !item.isMatch, to: &output)
      if output.count >= Self.outputByteCount { guard try write() else { return false } }
    }
    return try write()
  }

  private static func isNext(_ left: StreamEntry, _ right: StreamEntry) -> Bool {
    let (low, high) = (
      min(left.entry.sequence, right.entry.sequence), max(left.entry.sequence, right.entry.sequence)
    )
    return left.stream == right.stream && low + 1 == high
  }

  /// - Returns: false when it was interrupted.
  private func write() throws -> Bool {
    defer { output.removeAll(keepingCapacity: true) }
    return try Terminal.write(output, isCancelled: { Task.isCancelled }) == output.count
  }
}
