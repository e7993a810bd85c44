internal import COpenSSL
internal import Glibc
internal import LogsSystem
internal import LogsWire

/// TLS on one socket. The handshake happens with the first reads and writes.
@safe final class TLSStream {
  /// A record has at most this many bytes of what is sent.
  static let recordByteCountMax = 16 << 10
  /// What one write takes at most, so that no connection holds up the others.
  private static let writeByteCountMax = 256 << 10
  /// The type of the record that a handshake begins with.
  private static let handshakeType: UInt8 = 22

  private let ssl: OpaquePointer
  private let socket: Int32
  private let context: TLSContext
  private let server: TLSServerName?
  private let rejection: UnsafeMutablePointer<logs_tls_rejection>
  private var isPeerKnown: Bool

  /// - Parameter server: whom a client connects to; nil on the server's side.
  init(_ context: TLSContext, socket: Int32, server: TLSServerName?) {
    let ssl = unsafe context.newSession()
    unsafe self.ssl = ssl
    self.socket = socket
    self.context = context
    self.server = server
    isPeerKnown = context.side == .client
    unsafe rejection = .allocate(capacity: 1)
    unsafe rejection.initialize(to: logs_tls_rejection())
    unsafe logs_tls_set_rejection(ssl, rejection)
    guard unsafe SSL_set_fd(ssl, socket) == 1 else { outOfMemory(0, for: "a TLS connection") }
    guard let server else {
      unsafe SSL_set_accept_state(ssl)
      return
    }
    unsafe SSL_set_connect_state(ssl)
    // An address is not a name: it has its own place in the certificate.
    if unsafe X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), server.host) != 1 {
      unsafe SSL_set1_host(ssl, server.host)
      unsafe SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
      unsafe _ = logs_tls_set_server_name(ssl, server.host)
    }
    if server.web != nil { unsafe _ = logs_tls_offer_http(ssl) }
    if let session = context.savedSession(server: server.description) { unsafe SSL_set_session(ssl, session.pointer) }
  }

  deinit {
    if let server, isEstablished, let session = unsafe TLSSavedSession(of: ssl) {
      context.save(session, server: server.description)
    }
    // A connection that was cut off has nothing wrong with its session.
    unsafe SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
    unsafe SSL_free(ssl)
    unsafe rejection.deallocate()
    ERR_clear_error()
  }

  /// Whether the handshake is over.
  var isEstablished: Bool { unsafe SSL_is_init_finished(ssl) == 1 }

  /// Whether input waits here that the socket no longer has.
  var hasInput: Bool { unsafe SSL_has_pending(ssl) == 1 }

  /// Whether this connection resumed the session of one before it.
  var isResumed: Bool { unsafe SSL_session_reused(ssl) == 1 }

  /// The common name of the other side's certificate; nil if it has none.
  var peerName: String? {
    guard let text = unsafe logs_tls_peer(ssl) else { return nil }
    defer { unsafe logs_tls_free(text) }
    return unsafe String(cString: text)
  }

  /// Reads what is there, as far as it fits.
  func read(into buffer: inout ReadBuffer, atMost limit: Int) -> ByteChannel.Input {
    guard isPeerKnown || knowPeer(&buffer) else { return .broken(.plainText) }
    var count = 0
    while count < limit {
      var readCount = 0
      let status = unsafe buffer.withBytes(from: count, atMost: limit) { unsafe SSL_read_ex(ssl, $0, $1, &readCount) }
      if status == 1 {
        count += readCount
        // Behind a record that is not full there is seldom another. The socket is not asked in vain: what waits there
        // wakes the loop.
        if readCount < Self.recordByteCountMax, !hasInput { break }
        continue
      }
      // What came before a failure is delivered first.
      if count > 0 { break }
      switch unsafe SSL_get_error(ssl, status) {
      case SSL_ERROR_WANT_READ: return .nothing
      case SSL_ERROR_WANT_WRITE: return .waitsForOutput
      case SSL_ERROR_ZERO_RETURN: return isEstablished ? .end : .broken(.closed)
      case SSL_ERROR_SYSCALL where SystemError.last.number != 0: return .failed(.last)
      default: return .broken(failure)
      }
    }
    ERR_clear_error()
    return .bytes(count)
  }

  /// Looks whether the peer speaks TLS at all, and tells it if not. Before there is a byte it counts as known.
  private func knowPeer(_ buffer: inout ReadBuffer) -> Bool {
    var first: UInt8 = 0
    guard unsafe recv(socket, &first, 1, Int32(MSG_PEEK)) == 1 else { return true }
    isPeerKnown = first == Self.handshakeType
    if !isPeerKnown {
      // Unread input would take the answer away again when the socket closes.
      _ = buffer.read(from: socket)
      let answer = context.plainAnswer()
      unsafe _ = send(socket, answer, answer.count, Int32(MSG_NOSIGNAL))
    }
    return isPeerKnown
  }

  /// Writes from `output`, gathering small pieces into one record, and removes what was written.
  func write(_ output: inout OutputBuffer, through buffer: inout ReadBuffer) -> ByteChannel.Output {
    var count = 0
    while !output.isEmpty, count < Self.writeByteCountMax {
      var writtenCount = 0
      let status = unsafe output.withFirstBytes(atLeast: Self.recordByteCountMax, gatheredIn: &buffer) { bytes in
        unsafe SSL_write_ex(ssl, bytes.baseAddress, bytes.count, &writtenCount)
      }
      if status == 1 {
        output.remove(writtenCount)
        count += writtenCount
        continue
      }
      if count > 0 { break }
      switch unsafe SSL_get_error(ssl, status) {
      case SSL_ERROR_WANT_WRITE: return .wouldBlock
      case SSL_ERROR_WANT_READ: return .waitsForInput
      case SSL_ERROR_ZERO_RETURN: return .broken(.closed)
      case SSL_ERROR_SYSCALL where SystemError.last.number != 0: return .failed(.last)
      default: return .broken(failure)
      }
    }
    ERR_clear_error()
    return .took(count)
  }

  /// Tells the peer that nothing more comes.
  func endOutput() {
    if isEstablished { unsafe _ = SSL_shutdown(ssl) }
    ERR_clear_error()
  }

  private var failure: TLSFailure { unsafe TLSFailure(rejection: rejection.pointee, server: server) }
}

/// Whom a client wants to reach.
struct TLSServerName: Sendable, CustomStringConvertible {
  let host: String
  let port: UInt16
  /// Where HTTP is spoken with it; nil for the protocol's own frames.
  let web: WebAddress?

  var description: String { "\(host):\(port)" }
}
