internal import COpenSSL
internal import Glibc
internal import LogsSystem
internal import LogsWire
internal import Synchronization

/// What the TLS connections of one side share: its certificate, the CAs it trusts, and a client the sessions to resume.
///
/// Invariant behind `@unchecked Sendable`: nothing changes `pointer` after `init`; OpenSSL counts its references.
@safe package final class TLSContext: @unchecked Sendable {
  enum Side {
    case server
    case client
  }

  let side: Side
  /// Makes what a client that speaks plain text gets.
  let plainAnswer: @Sendable () -> [UInt8]
  private let pointer: OpaquePointer
  /// By the server's host and port.
  private let sessions = Mutex<[String: TLSSavedSession]>([:])

  private init(_ side: Side, plainAnswer: @escaping @Sendable () -> [UInt8] = { [] }) throws(TransportError) {
    guard let pointer = unsafe SSL_CTX_new(side == .server ? TLS_server_method() : TLS_client_method()) else {
      throw TransportError(.invalidTLS, "OpenSSL has no memory for TLS")
    }
    self.side = side
    self.plainAnswer = plainAnswer
    unsafe self.pointer = pointer
    guard unsafe logs_tls_harden(pointer) == 1 else {
      throw TransportError(.invalidTLS, "OpenSSL refuses TLS 1.2: \(Self.lastError()); check its configuration")
    }
  }

  deinit { unsafe SSL_CTX_free(pointer) }

  /// What is spoken over TLS: its name for ALPN.
  package enum Language: Sendable {
    case logs
    case http
  }

  /// A server's side.
  ///
  /// - Parameters:
  ///   - files: certificate and key must be there; with authorities, every client needs a certificate of theirs.
  ///   - plainAnswer: makes what a client that speaks plain text gets, in its protocol.
  /// - Throws: `invalidTLS`, naming the file and what is wrong with it.
  package static func server(
    _ files: TLSFiles, language: Language = .logs, plainAnswer: @escaping @Sendable () -> [UInt8] = { [] }
  ) throws(TransportError) -> TLSContext {
    let context = try TLSContext(.server, plainAnswer: plainAnswer)
    guard files.certificate != nil || files.key != nil else {
      throw TransportError(.invalidTLS, "TLS needs a certificate and its key; give both with --tls-cert and --tls-key")
    }
    try context.useCertificate(files)
    unsafe logs_tls_serve_protocol(context.pointer, language == .http ? 1 : 0)
    // Clients keep their sessions themselves, in tickets.
    unsafe logs_tls_keep_no_sessions(context.pointer)
    if let authorities = files.authorities {
      try context.trust(authorities)
      unsafe SSL_CTX_set_client_CA_list(context.pointer, SSL_load_client_CA_file(authorities))
      unsafe logs_tls_verify(context.pointer, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT)
      let name = Array("logs".utf8)
      unsafe SSL_CTX_set_session_id_context(context.pointer, name, UInt32(name.count))
    }
    return context
  }

  /// A client's side. Without authorities it trusts those of the system.
  package static func client(_ files: TLSFiles) throws(TransportError) -> TLSContext {
    let context = try TLSContext(.client)
    if files.certificate != nil || files.key != nil { try context.useCertificate(files) }
    if let authorities = files.authorities {
      try context.trust(authorities)
    } else {
      guard unsafe SSL_CTX_set_default_verify_paths(context.pointer) == 1 else {
        throw TransportError(.invalidTLS, "the system's CA certificates cannot be read; name a file with --ca-cert")
      }
    }
    unsafe logs_tls_verify(context.pointer, SSL_VERIFY_PEER)
    guard unsafe logs_tls_offer_protocol(context.pointer) == 1 else {
      throw TransportError(.invalidTLS, "OpenSSL has no memory for TLS")
    }
    return context
  }

  private func useCertificate(_ files: TLSFiles) throws(TransportError) {
    // Most often one of the two was forgotten.
    guard let certificate = files.certificate, let key = files.key else {
      let given = files.certificate ?? files.key ?? ""
      let prefix = side == .server ? "--tls-" : "--"
      let missing =
        files.key == nil ? "certificate needs a key (\(prefix)key)" : "key needs a certificate (\(prefix)cert)"
      throw TransportError(.invalidTLS, "\(given) alone is not enough: a \(missing)")
    }
    try Self.requireReadable(certificate)
    try Self.requireReadable(key)
    guard unsafe SSL_CTX_use_certificate_chain_file(pointer, certificate) == 1 else {
      throw Self.invalid(certificate, "is no certificate in PEM form")
    }
    guard unsafe SSL_CTX_use_PrivateKey_file(pointer, key, SSL_FILETYPE_PEM) == 1 else {
      let error = ERR_peek_error()
      if logs_tls_reason(error) == UInt(X509_R_KEY_VALUES_MISMATCH) {
        ERR_clear_error()
        throw TransportError(.invalidTLS, "the key \(key) does not belong to the certificate \(certificate)")
      }
      throw Self.invalid(key, "is no private key in PEM form without a passphrase")
    }
  }

  private func trust(_ authorities: String) throws(TransportError) {
    try Self.requireReadable(authorities)
    guard unsafe SSL_CTX_load_verify_file(pointer, authorities) == 1 else {
      throw Self.invalid(authorities, "holds no CA certificate in PEM form")
    }
  }

  private static func requireReadable(_ path: String) throws(TransportError) {
    guard unsafe access(path, R_OK) == 0 else {
      throw TransportError("cannot read \(path)", cause: .last, code: .invalidTLS)
    }
  }

  /// What OpenSSL says about such a file names its own functions, which helps nobody.
  private static func invalid(_ path: String, _ what: String) -> TransportError {
    ERR_clear_error()
    return TransportError(.invalidTLS, "\(path) \(what)")
  }

  /// When its certificate expires, in seconds since 1970; nil without one.
  package var certificateExpiry: Int64? {
    var time = unsafe tm()
    guard let certificate = unsafe SSL_CTX_get0_certificate(pointer),
      unsafe ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) == 1
    else { return nil }
    return Int64(unsafe timegm(&time))
  }

  /// What OpenSSL says about its last failure; forgotten after that.
  static func lastError() -> String {
    defer { ERR_clear_error() }
    guard let text = unsafe ERR_reason_error_string(ERR_peek_last_error()) else { return "no reason given" }
    return unsafe String(cString: text)
  }

  // MARK: - For connections

  /// A connection's own state, its memory freed with `SSL_free`.
  func newSession() -> OpaquePointer {
    guard let session = unsafe SSL_new(pointer) else { outOfMemory(0, for: "a TLS connection") }
    return unsafe session
  }

  /// Keeps a session for the next connection to that server.
  func save(_ session: consuming TLSSavedSession, server: String) {
    let saved = session
    sessions.withLock { $0[server] = saved }
  }

  func savedSession(server: String) -> TLSSavedSession? { sessions.withLock { $0[server] } }
}

/// A session that can be resumed.
///
/// Invariant behind `@unchecked Sendable`: OpenSSL's sessions are not changed once they are established.
@safe final class TLSSavedSession: @unchecked Sendable {
  let pointer: OpaquePointer

  /// nil if the connection's session cannot be resumed.
  init?(of connection: OpaquePointer) {
    guard let session = unsafe SSL_get1_session(connection) else { return nil }
    guard unsafe SSL_SESSION_is_resumable(session) == 1 else {
      unsafe SSL_SESSION_free(session)
      return nil
    }
    unsafe pointer = session
  }

  deinit { unsafe SSL_SESSION_free(pointer) }
}
