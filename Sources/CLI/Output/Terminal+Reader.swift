internal import Dispatch
internal import Glibc

/// Who reads stdout: whether anybody still does, and how far.
extension Terminal {
  /// Waits until nobody reads stdout any more, or the task is cancelled. A file always has room and no reader.
  ///
  /// - Returns: whether the reader has gone.
  static func untilReaderIsGone() async -> Bool {
    guard mayBlock, let wakeUp = WakeUpPipe() else { return await untilCancelled() }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { waiter in
        DispatchQueue(label: "logs.output.watch").async { waiter.resume(returning: wakeUp.waitForReader()) }
      }
    } onCancel: {
      wakeUp.signal()
    }
  }

  private static func untilCancelled() async -> Bool {
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
    await withTaskCancellationHandler {
      for await _ in stream {}
    } onCancel: {
      continuation.finish()
    }
    return false
  }

  /// Whether whoever read stdout has closed it.
  static var isReaderGone: Bool {
    // Errors and hang-ups are told whether they are asked for or not (poll(2)).
    var descriptor = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
    return unsafe poll(&descriptor, 1, 0) == 1
  }

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

/// A pipe that ends a wait for stdout's reader.
///
/// Both ends stay open until the last reference goes: the waiting thread and whoever signals have one each.
private final class WakeUpPipe: Sendable {
  private let readEnd: Int32
  private let writeEnd: Int32

  /// nil when the process is out of descriptors.
  init?() {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { return nil }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    (readEnd, writeEnd) = (ends[0], ends[1])
  }

  deinit {
    close(readEnd)
    close(writeEnd)
  }

  func signal() {
    var byte: UInt8 = 0
    _ = unsafe write(writeEnd, &byte, 1)
  }

  /// Blocks until stdout's reader has gone, or `signal` was called.
  func waitForReader() -> Bool {
    while true {
      var descriptors = [
        pollfd(fd: STDOUT_FILENO, events: 0, revents: 0), pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0),
      ]
      guard unsafe poll(&descriptors, 2, -1) > 0 else { continue }
      if descriptors[1].revents != 0 { return false }
      return true
    }
  }
}
