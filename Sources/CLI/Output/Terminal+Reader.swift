internal import Glibc
internal import LogsSystem
internal import LogsTransport

/// The reader of stdout: whether it is still there, and how far it has read.
extension Terminal {
  /// Prints until the end, or until nobody reads stdout any more, also while there is nothing to print.
  static func whileRead<Value: Sendable>(_ print: @escaping @Sendable () async throws -> Value) async throws -> Value {
    let printing = Task { try await print() }
    let watching = Task { if await untilReaderIsGone() { printing.cancel() } }
    defer { watching.cancel() }
    return try await withTaskCancellationHandler {
      try await printing.value
    } onCancel: {
      printing.cancel()
    }
  }

  /// Waits until nobody reads stdout any more, or the task is cancelled. A file always has room and no reader.
  ///
  /// - Returns: whether the reader has gone.
  static func untilReaderIsGone() async -> Bool {
    let (news, continuation) = AsyncStream.makeStream(of: Void.self)
    let loop = mayBlock ? watchReader { continuation.yield() } : nil
    defer { loop?.stop() }
    // It ends when the task is cancelled.
    for await _ in news { return true }
    return false
  }

  /// - Returns: nil if the system has no thread or descriptor left; then the next write notices it.
  private static func watchReader(_ gone: @escaping @Sendable () -> Void) -> EventLoop? {
    do throws(TransportError) {
      let loop = try EventLoop.start(name: "logs-reader")
      loop.execute {
        do throws(SystemError) { _ = try loop.watch(STDOUT_FILENO, for: .hungUp, gone) } catch { return }
      }
      return loop
    } catch { return nil }
  }

  /// Whether the reader of stdout has closed it.
  static var isReaderGone: Bool { LoopWatch.hasHungUp(STDOUT_FILENO) }

  /// Bytes in the pipe that have not been read; nil if stdout is not a pipe, where this cannot be known.
  ///
  /// The write end reports it as well, even after the reader has gone (Linux: pipe_ioctl).
  static var unreadByteCount: Int? {
    guard isPipe else { return nil }
    var count: Int32 = 0
    guard unsafe ioctl(STDOUT_FILENO, UInt(FIONREAD), &count) == 0 else { return nil }
    return Int(count)
  }
}
