internal import LogsSystem
internal import LogsText
internal import LogsTransport
internal import LogsWire
internal import Synchronization

/// The server's certificate and the CA of its clients, which can be read again while it runs.
final class Certificates: Sendable {
  private let files: TLSFiles
  private let current: Mutex<Contexts>

  private struct Contexts {
    let frames: TLSContext
    let http: TLSContext
  }

  /// - Throws: what is wrong with which file.
  init(_ files: TLSFiles) throws(TransportError) {
    self.files = files
    current = Mutex(try Self.read(files))
  }

  /// For the next connection.
  func context(for language: Door.Language) -> TLSContext {
    current.withLock { contexts in
      switch language {
      case .frames: contexts.frames
      case .http: contexts.http
      }
    }
  }

  /// Reads the files again. Connections that exist keep what they have; if the files cannot be used, so do new ones.
  func reload() throws(TransportError) {
    let contexts = try Self.read(files)
    current.withLock { $0 = contexts }
  }

  /// How long before its end the server begins to warn: time enough to get another one.
  private static let warningDuration: Int64 = 14 * 86_400

  /// What is to be said about the age of the certificate.
  ///
  /// - Parameter now: ns since 1970.
  func warning(now: Int64) -> String? {
    guard let expiry = context(for: .frames).certificateExpiry else { return nil }
    let left = expiry - now / 1_000_000_000
    guard left < Self.warningDuration else { return nil }
    let file = files.certificate ?? ""
    let end = "\(Timestamp.rfc3339(expiry * 1_000_000_000).prefix(10))"
    if left <= 0 { return "the certificate \(file) expired on \(end): clients refuse it; renew it, then send SIGHUP" }
    return """
      the certificate \(file) expires in \(Figures.span(seconds: UInt64(left))), on \(end); renew it, then send SIGHUP
      """
  }

  private static func read(_ files: TLSFiles) throws(TransportError) -> Contexts {
    let refusal = Refusal(
      .protocolViolation, "this port speaks TLS; connect with logs+tls://", isRetryable: true,
      retryAfterMilliseconds: 1_000)
    let problem = HTTPProblem(400, .protocolViolation, "this port speaks TLS; use https://")
    return Contexts(
      frames: try .server(files) { Message.error(refusal).frame(id: 0).head.array },
      http: try .server(files, language: .http) {
        HTTPResponse(problem).bytes(date: HTTPDate.text(at: SystemClock.wall()), isLast: true)
      })
  }
}
