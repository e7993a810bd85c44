internal import Glibc
internal import LogsSystem
internal import LogsTransport

/// Who reads stdout: whether anybody still does, and how far.
extension Terminal {
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

  /// - Returns: nil when the system has no thread or descriptor left: a write will tell.
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

  /// Bytes in the pipe that its reader has not taken; nil when stdout is no pipe, and nobody can tell.
  ///
  /// The write end tells as well as the read end, and still does when the reader has gone (Linux: pipe_ioctl).
  static var unreadByteCount: Int? {
    guard isPipe else { return nil }
    var count: Int32 = 0
    guard unsafe ioctl(STDOUT_FILENO, UInt(FIONREAD), &count) == 0 else { return nil }
    return Int(count)
  }
}
