internal import LogsClient

/// Keeps the checkpoint of a follow: current with what was written out, and in the end no further than what stdout's
/// reader has taken. What is left in a pipe when its reader goes was never seen by anybody.
final class CursorKeeper {
  /// Entries whose lines were written together.
  struct Lines {
    /// Behind all of them.
    let position: CursorPosition
    let sequences: [UInt64]
    /// Where each entry's line ends, in bytes from the first one's start.
    let ends: [Int]
    /// How much of it was written.
    let byteCount: Int
  }

  private enum Step {
    case event(FollowEvent)
    case lines(Lines)
  }

  private let store: any CheckpointStore
  /// Behind all that was written.
  private var written: LogCursor
  /// Behind all that is known to have been taken.
  private var taken: LogCursor
  /// What was written and may still be in the pipe, with where it ends among all that was written.
  private var steps: [(step: Step, end: Int)] = []
  private var writtenByteCount = 0

  init(_ store: any CheckpointStore, cursor: LogCursor) {
    self.store = store
    written = cursor
    taken = cursor
  }

  /// Moves past something that prints no line.
  func passed(_ event: FollowEvent) async throws {
    written.advance(past: event)
    switch event {
    case .skipped, .resolved: try await store.save(written)
    case .batch, .announced, .live, .behind, .interrupted, .resumed, .ended: break
    }
    add(.event(event))
  }

  /// Moves behind the last whole line that was written: it is never printed again.
  func wrote(_ lines: Lines) async throws {
    writtenByteCount += lines.byteCount
    if Self.advance(&written, past: lines, byteCount: lines.byteCount) { try await store.save(written) }
    add(.lines(lines))
  }

  /// The end: what the reader has left in the pipe does not count, if it has gone.
  func end(isReaderGone: Bool) async throws {
    let takenByteCount = takenByteCount
    settle(takenByteCount)
    guard isReaderGone, let first = steps.first else { return }
    if case .lines(let lines) = first.step {
      _ = Self.advance(&taken, past: lines, byteCount: takenByteCount - (first.end - lines.byteCount))
    }
    try await store.save(taken)
  }

  private var takenByteCount: Int { writtenByteCount - (Terminal.unreadByteCount ?? 0) }

  private func add(_ step: Step) {
    steps.append((step, writtenByteCount))
    settle(takenByteCount)
  }

  /// Forgets the steps that were taken as a whole.
  private func settle(_ takenByteCount: Int) {
    let count = steps.prefix { $0.end <= takenByteCount }.count
    for (step, _) in steps.prefix(count) {
      switch step {
      case .event(let event): taken.advance(past: event)
      case .lines(let lines): _ = Self.advance(&taken, past: lines, byteCount: lines.byteCount)
      }
    }
    steps.removeFirst(count)
  }

  /// - Returns: whether it has moved: one whole line at least lies within the bytes.
  private static func advance(_ cursor: inout LogCursor, past lines: Lines, byteCount: Int) -> Bool {
    let count = lines.ends.prefix { $0 <= byteCount }.count
    if count == lines.ends.count {
      // The range of a filtered batch may go on behind its last entry.
      cursor.advance(to: lines.position)
      return true
    }
    guard count > 0 else { return false }
    cursor.advance(
      to: CursorPosition(
        stream: lines.position.stream, incarnation: lines.position.incarnation, sequence: lines.sequences[count - 1]))
    return true
  }
}
