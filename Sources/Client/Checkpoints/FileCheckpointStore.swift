internal import LogsTransport

/// Checkpoints in a file, which is replaced as a whole: after a crash or power loss it holds the last one or the one before.
///
/// It has a thread of its own, since a save waits for the disk, twice, and the threads that run tasks are few. One store at a
/// time for a file.
public final class FileCheckpointStore: CheckpointStore {
  public let path: String
  private let loop: EventLoop

  /// - Throws: `LogError` with `unreachable` when the system has no thread or descriptor left.
  public init(path: String) throws(LogError) {
    self.path = path
    do { loop = try EventLoop.start(name: "logs-checkpoint") } catch { throw LogError(connecting: error) }
  }

  deinit {
    let loop = loop
    // A thread cannot wait for its own end.
    if loop.isOnLoop { Task.detached { loop.stop() } } else { loop.stop() }
  }

  /// - Throws: `LogError`: `fileFailed`, `invalidCursor`.
  public func load() async throws(LogError) -> LogCursor? {
    let path = path
    return try await onThread { () throws(LogError) in try LogCursor(contentsOfFile: path) }
  }

  /// - Throws: `LogError` with `fileFailed`; then the one before is still there, or, if only the last sync failed, this one.
  public func save(_ cursor: LogCursor) async throws(LogError) {
    let path = path
    try await onThread { () throws(LogError) in try cursor.write(toFile: path) }
  }

  private func onThread<Value: Sendable>(
    _ body: @escaping @Sendable () throws(LogError) -> Value
  ) async throws(LogError) -> Value {
    let result: Result<Value, LogError> = await withCheckedContinuation { waiter in
      loop.execute {
        do throws(LogError) { waiter.resume(returning: .success(try body())) } catch {
          waiter.resume(returning: .failure(error))
        }
      }
    }
    return try result.get()
  }
}
