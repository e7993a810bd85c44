internal import CEvent
internal import Glibc
internal import LogsSystem

/// What carries the bytes of a connection between its buffers and its peer: a plain socket.
///
/// A connection makes no system calls itself: it waits on `descriptor`, and reads, writes and ends its output through
/// the channel. So encryption belongs here, between the socket and the buffers.
struct ByteChannel: ~Copyable {
  private let socket: Descriptor

  enum Input {
    /// This many bytes are in the buffer, at least one.
    case bytes(Int)
    /// There are none now.
    case nothing
    /// The peer sends no more.
    case end
    case failed(SystemError)
  }

  enum Output {
    /// This many bytes were taken.
    case took(Int)
    case wouldBlock
    case failed(SystemError)
  }

  init(_ socket: consuming Descriptor) { self.socket = socket }

  /// The descriptor that an event loop waits on.
  var descriptor: Int32 { socket.number }

  /// Reads once.
  func read(into buffer: inout ReadBuffer, atMost limit: Int) -> Input {
    let count = buffer.read(from: socket.number, atMost: limit)
    if count > 0 { return .bytes(count) }
    if count == 0 { return .end }
    let error = SystemError.last
    return error.number == EAGAIN || error.number == EINTR ? .nothing : .failed(error)
  }

  /// Writes once from `output`, which must not be empty, and removes what was written.
  func write(_ output: inout OutputBuffer) -> Output { output.write(to: socket.number) }

  /// Ends the output, after all of it has been written.
  ///
  /// - Returns: whether it worked.
  func endOutput() -> Bool { shutdown(socket.number, Int32(SHUT_WR)) == 0 }
}
