internal import LogsClient
internal import LogsSystem
internal import LogsWire

/// Prints what a follow finds, with the entries around it, on a thread of its own.
///
/// What is stored comes in groups that the server has searched for. What comes later is followed whole, and the filter
/// evaluated here: only so are the entries before a new one at hand, and those after it shown as they come.
actor ContextPrinter {
  private let executor = ThreadExecutor("logs-output")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  private var writer: EntryWriter
  private let filter: Filter
  private let before: Int
  private let after: Int
  private let showsStreams: Bool
  /// Entries that may still be found.
  private var remaining: UInt64
  private let evaluator = FilterEvaluator()

  private var places: [StreamName: Place] = [:]
  private var output: [UInt8] = []
  /// The entry that was printed last.
  private var last: CursorPosition?
  private var isWhole = true

  /// What is known of a stream.
  private struct Place {
    /// Up to here entries have been searched already.
    var searched: UInt64 = 0
    /// The last number found; nil before there is one.
    var found: UInt64?
    /// The last ones that were not printed, ascending.
    var before: [LogEntry] = []
  }

  /// - Parameter showsStreams: whether a notice about a place names the stream.
  init(writer: EntryWriter, filter: Filter, _ context: ContextOptions, limit: UInt64?, showsStreams: Bool) {
    self.writer = writer
    self.showsStreams = showsStreams
    self.filter = filter
    before = context.before
    after = context.after
    remaining = limit ?? .max
  }

  /// Prints what is stored.
  ///
  /// - Returns: where to follow from, so that the entries before the next one found are at hand; nil when nothing more
  ///   is wanted.
  func print(_ stored: QueryContextSequence) async throws -> LogCursor? {
    var groups = stored.makeAsyncIterator()
    while let group = try await groups.nextRun() {
      for item in group {
        append(item.entry.entry, of: item.entry.position, isContext: !item.isMatch)
        guard item.isMatch else { continue }
        places[item.entry.stream, default: Place()].found = item.entry.entry.sequence
        remaining -= 1
      }
      guard try write() else { return nil }
    }
    if remaining == 0 { return nil }
    var positions: [CursorPosition] = []
    for stream in groups.streams {
      places[stream.stream, default: Place()].searched = stream.head
      var position = stream.position
      position.sequence = stream.head - min(stream.head, UInt64(before))
      positions.append(position)
    }
    return LogCursor(positions)
  }

  /// Prints what comes.
  ///
  /// - Returns: whether nothing that was asked for is missing.
  func print(_ subscription: FollowSequence) async throws -> Bool {
    for try await event in subscription {
      switch event {
      case .batch(let batch):
        for part in batch.parts { guard try print(part) else { return isWhole } }
      case .skipped(let skip): note(skip)
      case .deleted(let stream):
        places[stream] = nil
        Terminal.note("stream \(stream) was deleted")
      case .resumed(let cursor): Terminal.note(FollowPrinter.resumedText(shown(cursor), showsStreams: showsStreams))
      case .ended(let reason): if reason == .complete { Terminal.note("complete: nothing follows") }
      case .announced, .resolved, .behind, .live, .interrupted: break
      }
    }
    return isWhole
  }

  /// Where a follow is for people: what lies before a new entry is read again, and was searched already.
  private func shown(_ cursor: LogCursor) -> LogCursor {
    LogCursor(
      cursor.sorted.map { position in
        var position = position
        position.sequence = max(position.sequence, places[position.stream]?.searched ?? 0)
        return position
      })
  }

  /// - Returns: false when it is over.
  private func print(_ batch: DeliveredBatch) throws -> Bool {
    var place = places[batch.stream, default: Place()]
    let found = try batch.numbers(passing: filter, evaluator)
    for skip in found.undecided where skip.range.lowerBound > place.searched { note(skip) }
    for entry in try batch.entries() {
      let number = entry.sequence
      // What is stored up to the last one found, and was read again, is printed.
      if let found = place.found, number <= found { continue }
      var position = batch.position
      position.sequence = number
      if remaining > 0, number > place.searched, found.passing.contains(number) {
        for entry in place.before {
          var position = position
          position.sequence = entry.sequence
          append(entry, of: position, isContext: true)
        }
        append(entry, of: position, isContext: false)
        place.before = []
        place.found = number
        remaining -= 1
      } else if let found = place.found, number - found <= UInt64(after) {
        // The server has given those of stored entries as far as they were stored.
        if number > place.searched { append(entry, of: position, isContext: true) }
      } else if before > 0 {
        if place.before.count == before { place.before.removeFirst() }
        place.before.append(entry)
      }
    }
    places[batch.stream] = place
    return try write() && remaining > 0
  }

  private func note(_ skip: SkippedRange) {
    if skip.reason == .filtered { return }
    isWhole = false
    Terminal.note(FollowPrinter.text(of: skip))
  }

  private func append(_ entry: LogEntry, of position: CursorPosition, isContext: Bool) {
    if let last, last.stream != position.stream || last.sequence + 1 != position.sequence {
      writer.appendSeparator(to: &output)
    }
    last = position
    writer.append(entry, of: position.stream, isContext: isContext, to: &output)
  }

  /// - Returns: false when it was interrupted.
  private func write() throws -> Bool {
    defer { output.removeAll(keepingCapacity: true) }
    return try output.isEmpty || Terminal.write(output, isCancelled: { Task.isCancelled }) == output.count
  }
}
