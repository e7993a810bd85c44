internal import LogsClient

/// Saves the checkpoint of a follow. It follows what is written to stdout; in the end it is set back to what the reader
/// of stdout has read, since nobody has seen what is left in the pipe when its reader goes away.
final class CursorKeeper {
  /// Entries whose lines were written together.
  struct Lines {
    /// The position after all of them.
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
  /// The position after everything written.
  private var written: LogCursor
  /// The position after everything that is known to have been read.
  private var taken: LogCursor
  /// What was written and may still be in the pipe, and where it ends among all bytes written.
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
    case .skipped, .resolved, .deleted: try await store.save(written)
    case .batch, .announced, .live, .behind, .interrupted, .resumed, .ended: break
    }
    add(.event(event))
  }

  /// Moves past the last whole line that was written, which is never printed again.
  func wrote(_ lines: Lines) async throws {
    writtenByteCount += lines.byteCount
    if Self.advance(&written, past: lines, byteCount: lines.byteCount) { try await store.save(written) }
    add(.lines(lines))
  }

  /// The end. If the reader has gone, what it left in the pipe does not count.
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

  /// Forgets the steps that were read completely.
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

  /// - Returns: whether the cursor moved: at least one whole line lies within the bytes.
  private static func advance(_ cursor: inout LogCursor, past lines: Lines, byteCount: Int) -> Bool {
    let count = lines.ends.prefix { $0 <= byteCount }.count
    if count == lines.ends.count {
      // The range of a filtered batch may end after its last entry.
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
