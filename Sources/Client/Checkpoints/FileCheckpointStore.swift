internal import LogsSystem

/// Checkpoints in a file, which is replaced atomically: after a crash or power loss it holds the last one or the one
/// before.
///
/// It has its own thread, since a save waits for the disk twice, and there are only few threads for tasks. Only one
/// store may use a file at a time.
public actor FileCheckpointStore: CheckpointStore {
  public nonisolated let path: String
  private let thread: ThreadExecutor

  public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

  /// - Throws: `LogError` with `unreachable` if the system has no thread left.
  public init(path: String) throws(LogError) {
    self.path = path
    do { thread = try ThreadExecutor(starting: "logs-checkpoint") } catch {
      throw LogError(.unreachable, "no thread could be started for checkpoints: \(error)", cause: error.text)
    }
  }

  /// - Throws: `LogError`: `fileFailed`, `invalidCursor`.
  public func load() throws(LogError) -> LogCursor? { try LogCursor(contentsOfFile: path) }

  /// - Throws: `LogError` with `fileFailed`. Then the previous checkpoint is still there, or this one if only the last
  ///   sync failed.
  public func save(_ cursor: LogCursor) throws(LogError) { try cursor.write(toFile: path) }
}
