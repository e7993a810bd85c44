internal import Glibc
internal import LogsClient
internal import LogsSystem
internal import LogsText
internal import LogsWire

/// Prints the events of a subscription, on its own thread: a slow reader of stdout blocks only this thread, and through
/// the credit the server.
actor FollowPrinter {
  private let executor = ThreadExecutor("logs-output")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  private var writer: EntryWriter
  private var keeper: CursorKeeper?
  private let showsStreams: Bool
  /// Where several streams are merged while they catch up; nil to show entries as they come.
  private var window: MergeWindow?
  private var output: [UInt8] = []
  /// Where each entry's line ends in it.
  private var ends: [Int] = []
  private var isWhole = true

  /// - Parameter merges: whether entries of several streams may wait a moment for each other.
  init(writer: EntryWriter, showsStreams: Bool, merges: Bool) {
    self.writer = writer
    self.showsStreams = showsStreams
    window = merges ? MergeWindow() : nil
  }

  /// Prints until the subscription ends or the task is cancelled.
  ///
  /// - Parameter keeper: keeps the cursor of what was printed.
  /// - Returns: whether nothing that was asked for is missing.
  func print(_ subscription: FollowSequence, _ keeper: CursorKeeper?) async throws -> Bool {
    self.keeper = keeper
    // The cursor in a file follows each stream by itself.
    if keeper != nil { window = nil }
    do { try await printEvents(subscription) } catch {
      try await endKeeping()
      throw error
    }
    try await endKeeping()
    return isWhole
  }

  private func printEvents(_ subscription: FollowSequence) async throws {
    for try await event in subscription {
      if try !showWaiting(event) { return }
      switch event {
      case .batch(let batch):
        let isHeld = try hold(batch)
        if !isHeld { guard try await print(batch) else { return } }
      case .skipped(let skip):
        if skip.reason != .filtered {
          isWhole = false
          Terminal.note(Self.text(of: skip))
        }
        try await keeper?.passed(event)
      case .deleted(let stream):
        Terminal.note("stream \(stream) was deleted")
        try await keeper?.passed(event)
      // `ConnectionNotices` reports the interruption.
      case .resumed(let cursor): Terminal.note(Self.resumedText(cursor, showsStreams: showsStreams))
      case .ended(let reason): if reason == .complete { Terminal.note("complete: nothing follows") }
      case .announced(let stream):
        if stream.isSearchCut {
          Terminal.note(
            """
            stream \(stream.stream): looked back as far as sequence number \(stream.start + 1) and found fewer than \
            asked for
            """
          )
        }
        try await keeper?.passed(event)
      case .resolved: try await keeper?.passed(event)
      case .behind(let count):
        // Shown while output goes to a file; on a terminal the entries themselves show it.
        if count > 0, Terminal.isErrorTerminal, !Terminal.isOutputTerminal {
          Terminal.note("\(Figures.count(count, "entry", "entries")) behind")
        }
      case .live, .interrupted: break
      }
    }
  }

  // MARK: Merging

  /// Keeps a batch for later, where entries wait for those of other streams.
  private func hold(_ batch: DeliveredBatch) throws -> Bool {
    guard window?.isOpen == true else { return false }
    for part in batch.parts { window?.hold(try part.entries(), of: part.stream, .now) }
    return true
  }

  /// Writes what has waited long enough, or all if nothing more is behind or comes for now.
  ///
  /// - Returns: false when it was interrupted.
  private func showWaiting(_ event: FollowEvent) throws -> Bool {
    var isOver = false
    switch event {
    case .live:
      window?.close()
      isOver = true
    case .behind(let count): if count > 0 { window?.open() }
    case .interrupted:
      window?.open()
      isOver = true
    case .ended: isOver = true
    case .batch, .announced, .resolved, .skipped, .deleted, .resumed: break
    }
    guard isOver || window?.isDue(.now) == true else { return true }
    for (stream, entry) in window?.drain() ?? [] {
      writer.append(entry, of: stream, to: &output)
      if output.count >= Self.outputByteCount { guard try writeMerged() else { return false } }
    }
    return try output.isEmpty || writeMerged()
  }

  private func writeMerged() throws -> Bool {
    defer { output.removeAll(keepingCapacity: true) }
    return try Terminal.write(output, isCancelled: { Task.isCancelled }) == output.count
  }

  /// How much text is formatted before it is written: a batch of a few stored kilobytes may become megabytes.
  private static let outputByteCount = 1 << 20

  /// - Returns: false when it was interrupted.
  private func print(_ batch: DeliveredBatch) async throws -> Bool {
    for part in batch.parts {
      let entries = try part.entries()
      var first = 0
      for index in entries.indices {
        writer.append(entries[index], of: part.stream, to: &output)
        ends.append(output.count)
        guard output.count >= Self.outputByteCount, index + 1 < entries.count else { continue }
        let position = CursorPosition(
          stream: part.stream, incarnation: part.incarnation, sequence: entries[index].sequence)
        guard try await write(entries[first...index], upTo: position) else { return false }
        first = index + 1
      }
      guard try await write(entries[first...], upTo: part.position) else { return false }
    }
    return true
  }

  /// Writes the formatted lines.
  ///
  /// - Returns: false when it was interrupted.
  private func write(_ entries: ArraySlice<LogEntry>, upTo position: CursorPosition) async throws -> Bool {
    defer {
      output.removeAll(keepingCapacity: true)
      ends.removeAll(keepingCapacity: true)
    }
    func keep(_ byteCount: Int) async throws {
      try await keeper?.wrote(
        CursorKeeper.Lines(position: position, sequences: entries.map(\.sequence), ends: ends, byteCount: byteCount))
    }
    var written = 0
    do {
      written = try Terminal.write(output, isCancelled: { Task.isCancelled })
      if let end = ends.first(where: { $0 >= written }), end > written {
        // Finish the current line if somebody reads it: otherwise all of it would be printed again.
        let deadline = ContinuousClock.now + Self.lineGrace
        written += try Terminal.write(Array(output[written..<end]), isCancelled: { ContinuousClock.now >= deadline })
      }
    } catch let closed as Terminal.PipeClosed {
      try await keep(written + closed.byteCount)
      throw closed
    }
    try await keep(written)
    return written == output.count && !Task.isCancelled
  }

  /// Gives the reader a moment to empty the pipe, so that it is known how far it has read.
  private func endKeeping() async throws {
    guard keeper != nil else { return }
    let deadline = ContinuousClock.now + Self.readerGrace
    while !Terminal.isReaderGone, Terminal.unreadByteCount ?? 0 > 0, ContinuousClock.now < deadline {
      usleep(Self.readerPollMicroseconds)
    }
    try await keeper?.end(isReaderGone: Terminal.isReaderGone)
  }

  private static let readerGrace = Duration.seconds(1)
  private static let readerPollMicroseconds: useconds_t = 5_000

  /// How long an interrupted follow waits for the reader of the current line.
  private static let lineGrace = Duration.seconds(1)

  /// Where a follow goes on after an interruption.
  static func resumedText(_ cursor: LogCursor, showsStreams: Bool) -> String {
    let places = cursor.sorted.map { showsStreams ? "\($0.stream) at \($0.sequence)" : "at \($0.sequence)" }
    let shown = places.prefix(3).joined(separator: ", ") + (places.count > 3 ? " and \(places.count - 3) more" : "")
    return "resumed \(shown): 0 missing, 0 repeated"
  }

  /// What is missing, and why.
  static func text(of gap: SkippedRange) -> String {
    """
    stream \(gap.stream): \(Figures.count(gap.range.count, "entry", "entries")) \(words(gap.reason)), sequence numbers \
    \(gap.range.lowerBound) to \(gap.range.upperBound)
    """
  }

  private static func words(_ reason: SkipReason) -> String {
    switch reason {
    case .filtered: "filtered"
    case .trimmed: "trimmed by retention"
    case .deleted: "deleted"
    case .lost: "lost: damaged, or their file is missing"
    case .undecided: "not shown: a regular expression takes too long there (give .* a bound, like .{0,80})"
    }
  }
}
