internal import Synchronization

/// Where a follower saves its progress.
///
/// An application with a database of its own should commit the cursor there, in the transaction that stores what was
/// read: then nothing comes twice either. `Snippets/SyncIntoDatabase.swift` shows it.
public protocol CheckpointStore: Sendable {
  /// The last checkpoint; nil if there is none.
  func load() async throws -> LogCursor?

  /// Replaces the last checkpoint atomically. There is one call at a time.
  func save(_ cursor: LogCursor) async throws
}

/// Checkpoints in memory: for tests, and for streams that every process reads from the start.
public final class InMemoryCheckpointStore: CheckpointStore {
  private let saved: Mutex<LogCursor?>

  public init(_ cursor: LogCursor? = nil) { saved = Mutex(cursor) }

  public func load() -> LogCursor? { saved.withLock { $0 } }

  public func save(_ cursor: LogCursor) { saved.withLock { $0 = cursor } }
}
