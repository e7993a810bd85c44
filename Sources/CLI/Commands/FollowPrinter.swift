internal import LogsClient

/// Prints what a subscription brings, on a thread of its own: a reader of stdout that is slow makes this wait, and by the
/// credit the server, and nothing else.
actor FollowPrinter {
  private let executor = BlockingExecutor(label: "logs.output")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  private var writer: EntryWriter
  private var cursor: Cursor
  private let cursorFile: String?
  private let showsStreams: Bool
  private var output: [UInt8] = []
  /// Where each entry's line ends in it.
  private var ends: [Int] = []
  private var isWhole = true

  init(writer: EntryWriter, cursor: Cursor, cursorFile: String?, showsStreams: Bool) {
    self.writer = writer
    self.cursor = cursor
    self.cursorFile = cursorFile
    self.showsStreams = showsStreams
  }

  /// Prints until the subscription ends or the task is cancelled.
  ///
  /// - Returns: whether nothing that was asked for is missing.
  func print(_ subscription: Subscription) async throws -> Bool {
    for try await event in subscription {
      switch event {
      case .batch(let batch): guard try print(batch) else { return isWhole }
      case .skipped(let skip):
        if skip.reason != .filtered {
          isWhole = false
          Terminal.note(
            "stream \(skip.stream): \(skip.range.count) entries \(Self.words(skip.reason)), sequence numbers \(skip.range.lowerBound) to \(skip.range.upperBound)"
          )
        }
      // The notices of the connection tell of the interruption.
      case .resumed(let cursor): Terminal.note(resumedText(cursor))
      case .ended(let reason): if reason == .complete { Terminal.note("complete: nothing follows") }
      case .announced, .resolved, .live, .interrupted: break
      }
      // What was printed is never printed again: the cursor moves behind it at once.
      cursor.advance(past: event)
      if let cursorFile, Self.moves(event) { try cursor.write(toFile: cursorFile) }
    }
    return isWhole
  }

  /// - Returns: false when it was interrupted; then the cursor is behind what was written out.
  private func print(_ batch: DeliveredBatch) throws -> Bool {
    output.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
    let entries = try batch.entries()
    for entry in entries {
      writer.append(entry, of: batch.stream, to: &output)
      ends.append(output.count)
    }
    var written = 0
    do {
      written = try Terminal.write(output, isCancelled: { Task.isCancelled })
      if let end = ends.first(where: { $0 >= written }), end > written {
        // The line at hand is finished, unless nobody reads it: it would be printed again as a whole.
        let deadline = ContinuousClock.now + Self.lineGrace
        written += try Terminal.write(Array(output[written..<end]), isCancelled: { ContinuousClock.now >= deadline })
      }
    } catch let closed as Terminal.PipeClosed {
      try save(batch, entries, written: written + closed.byteCount)
      throw closed
    }
    if written == output.count { return true }
    try save(batch, entries, written: written)
    return false
  }

  /// How long an interrupted follow waits for the reader of the line at hand.
  private static let lineGrace = Duration.seconds(1)

  /// Only some of a batch's lines were written out: the cursor moves behind the last whole one.
  private func save(_ batch: DeliveredBatch, _ entries: [Entry], written: Int) throws {
    guard let cursorFile, let last = ends.lastIndex(where: { $0 <= written }) else { return }
    cursor.advance(
      to: CursorPosition(
        stream: batch.stream, incarnation: batch.incarnation, sequence: entries[last].sequence))
    try cursor.write(toFile: cursorFile)
  }

  private static func moves(_ event: FollowEvent) -> Bool {
    switch event {
    case .batch, .skipped, .resolved: true
    case .announced, .live, .interrupted, .resumed, .ended: false
    }
  }

  private func resumedText(_ cursor: Cursor) -> String {
    let places = cursor.sorted.map { showsStreams ? "\($0.stream) at \($0.sequence)" : "at \($0.sequence)" }
    let shown = places.prefix(3).joined(separator: ", ") + (places.count > 3 ? " and \(places.count - 3) more" : "")
    return "resumed \(shown): 0 missing, 0 repeated"
  }

  private static func words(_ reason: SkipReason) -> String {
    switch reason {
    case .filtered: "filtered"
    case .trimmed: "trimmed by retention"
    case .deleted: "deleted"
    case .lost: "lost: damaged or their file is missing"
    }
  }
}
