internal import Synchronization

/// Where a follower keeps how far it has come.
///
/// An application that keeps its own data in a database does better to commit the cursor there, in the transaction that
/// stores what was read: then nothing comes twice either. `Snippets/SyncIntoDatabase.swift` shows it.
public protocol CheckpointStore: Sendable {
  /// What was saved last; nil before the first time.
  func load() async throws -> LogCursor?

  /// Replaces what was saved before as a whole. Calls come one after the other.
  func save(_ cursor: LogCursor) async throws
}

/// Checkpoints that end with the process: for tests, and for streams that are read anew each time.
public final class InMemoryCheckpointStore: CheckpointStore {
  private let saved: Mutex<LogCursor?>

  public init(_ cursor: LogCursor? = nil) { saved = Mutex(cursor) }

  public func load() -> LogCursor? { saved.withLock { $0 } }

  public func save(_ cursor: LogCursor) { saved.withLock { $0 = cursor } }
}
