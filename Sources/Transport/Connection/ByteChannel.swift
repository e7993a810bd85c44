internal import CEvent
internal import Glibc
internal import LogsSystem

/// What carries the bytes of a connection between its buffers and its peer: a socket, plain or with TLS on it.
///
/// A connection makes no system calls itself: it waits on `descriptor`, and reads, writes and ends its output through
/// the channel.
struct ByteChannel: ~Copyable {
  private let socket: Descriptor
  private let tls: TLSStream?

  enum Input {
    /// This many bytes are in the buffer, at least one.
    case bytes(Int)
    /// There are none now.
    case nothing
    /// There are none before the socket has taken output.
    case waitsForOutput
    /// The peer sends no more.
    case end
    case failed(SystemError)
    case broken(TLSFailure)
  }

  enum Output {
    /// This many bytes were taken.
    case took(Int)
    case wouldBlock
    /// None is taken before the peer has sent something.
    case waitsForInput
    case failed(SystemError)
    case broken(TLSFailure)
  }

  /// Plain.
  init(_ socket: consuming Descriptor) {
    self.socket = socket
    tls = nil
  }

  /// - Parameter server: whom a client connects to; nil on the server's side.
  init(_ socket: consuming Descriptor, _ context: TLSContext, server: TLSServerName? = nil) {
    let number = socket.number
    self.socket = socket
    tls = TLSStream(context, socket: number, server: server)
  }

  /// The descriptor that an event loop waits on.
  var descriptor: Int32 { socket.number }

  /// Whether input waits here that the descriptor no longer tells of.
  var hasInput: Bool { tls?.hasInput ?? false }

  /// The common name of the peer's certificate; nil if it has none.
  var peerName: String? { tls?.peerName }

  var isTLS: Bool { tls != nil }

  /// Whether a session of an earlier connection was resumed.
  var isResumed: Bool { tls?.isResumed ?? false }

  /// Reads once.
  func read(into buffer: inout ReadBuffer, atMost limit: Int) -> Input {
    if let input = tls?.read(into: &buffer, atMost: limit) { return input }
    let count = buffer.read(from: socket.number, atMost: limit)
    if count > 0 { return .bytes(count) }
    if count == 0 { return .end }
    let error = SystemError.last
    return error.number == EAGAIN || error.number == EINTR ? .nothing : .failed(error)
  }

  /// Writes from `output`, which must not be empty, and removes what was written.
  ///
  /// - Parameter buffer: for small pieces to be encrypted together.
  func write(_ output: inout OutputBuffer, through buffer: inout ReadBuffer) -> Output {
    if let written = tls?.write(&output, through: &buffer) { return written }
    return output.write(to: socket.number)
  }

  /// Ends the output, after all of it has been written.
  ///
  /// - Returns: whether it worked.
  func endOutput() -> Bool {
    tls?.endOutput()
    return shutdown(socket.number, Int32(SHUT_WR)) == 0
  }
}
