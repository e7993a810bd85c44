internal import LogsSystem

/// Checkpoints in a file, which is replaced as a whole: after a crash or power loss it holds the last one or the one
/// before.
///
/// It has a thread of its own, since a save waits for the disk, twice, and the threads that run tasks are few. One
/// store at a time for a file.
public actor FileCheckpointStore: CheckpointStore {
  public nonisolated let path: String
  private let thread: ThreadExecutor

  public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

  /// - Throws: `LogError` with `unreachable` when the system has no thread left.
  public init(path: String) throws(LogError) {
    self.path = path
    do { thread = try ThreadExecutor(starting: "logs-checkpoint") } catch {
      throw LogError(.unreachable, "no thread could be started for checkpoints: \(error)", cause: error.text)
    }
  }

  /// - Throws: `LogError`: `fileFailed`, `invalidCursor`.
  public func load() throws(LogError) -> LogCursor? { try LogCursor(contentsOfFile: path) }

  /// - Throws: `LogError` with `fileFailed`; then the one before is still there, or, if only the last sync failed,
  ///   this one.
  public func save(_ cursor: LogCursor) throws(LogError) { try cursor.write(toFile: path) }
}
