internal import LogsTransport
internal import LogsWire
internal import Synchronization

/// The server's certificate and the CA of its clients, which can be read again while it runs.
final class Certificates: Sendable {
  private let files: TLSFiles
  private let current: Mutex<TLSContext>

  /// - Throws: what is wrong with which file.
  init(_ files: TLSFiles) throws(TransportError) {
    self.files = files
    current = Mutex(try Self.read(files))
  }

  /// For the next connection.
  var context: TLSContext { current.withLock { $0 } }

  /// Reads the files again. Connections that exist keep what they have; if the files cannot be used, so do new ones.
  func reload() throws(TransportError) {
    let context = try Self.read(files)
    current.withLock { $0 = context }
  }

  private static func read(_ files: TLSFiles) throws(TransportError) -> TLSContext {
    let refusal = Refusal(
      .protocolViolation, "this port speaks TLS; connect with logs+tls://", isRetryable: true,
      retryAfterMilliseconds: 1_000)
    return try .server(files, plainAnswer: Message.error(refusal).frame(id: 0).head.array)
  }
}
