internal import COpenSSL

/// Why a TLS connection failed: which certificate, what is wrong with it, what to do.
///
/// A client tries again whatever it is: a certificate is renewed, a wrong one replaced, and what a damaged handshake
/// looks like cannot be told.
struct TLSFailure {
  /// Begins in lower case, to be put behind "TLS with HOST:PORT failed: ".
  let text: String

  init(_ text: String) { self.text = text }

  static let closed = TLSFailure("the connection was closed during the handshake")

  static let plainText = TLSFailure("the client spoke plain text; it should connect with logs+tls://")

  /// The reason of OpenSSL's last error.
  ///
  /// - Parameter server: what the client wanted to reach; nil on the server's side.
  init(rejection: logs_tls_rejection, server: TLSServerName?) {
    let error = ERR_peek_last_error()
    defer { ERR_clear_error() }
    if rejection.error != 0 {
      self = Self.certificate(rejection, host: server?.host)
    } else {
      self = Self.reason(Int32(truncatingIfNeeded: logs_tls_reason(error)), error, server: server)
    }
  }

  /// This side refuses the other's certificate.
  private static func certificate(_ rejection: logs_tls_rejection, host: String?) -> TLSFailure {
    let subject = text(rejection.subject)
    let issuer = text(rejection.issuer)
    let whose = "the certificate of the \(host == nil ? "client" : "server") (\(subject))"
    switch rejection.error {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return TLSFailure("\(whose) expired at \(text(rejection.not_after)); it has to be renewed")
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return TLSFailure(
        "\(whose) is valid only from \(text(rejection.not_before)) on; check the clocks")
    case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
      let names = text(rejection.names)
      return TLSFailure(
        """
        \(whose) is for \(names.isEmpty ? "no host" : names), not for \(host ?? ""); connect by a name that it is for
        """)
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
      X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
      X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return TLSFailure(
        """
        \(whose) was issued by \(issuer == subject ? "itself" : issuer), which is not trusted here; \
        \(host == nil ? "give its CA with --tls-client-ca" : "give the certificate of its CA with --ca-cert")
        """)
    default:
      let what =
        unsafe X509_verify_cert_error_string(Int(rejection.error)).map { unsafe String(cString: $0) } ?? "invalid"
      return TLSFailure("\(whose) is not accepted: \(what)")
    }
  }

  /// What the other side said, or what OpenSSL found.
  private static func reason(_ reason: Int32, _ error: UInt, server: TLSServerName?) -> TLSFailure {
    let isClient = server != nil
    switch reason {
    case SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_PACKET_LENGTH_TOO_LONG, SSL_R_BAD_RECORD_TYPE:
      guard let server else { return plainText }
      let plain = server.web.map { "\(Endpoint.web($0.withoutTLS))" } ?? "logs://"
      return TLSFailure("the server does not speak TLS there; write \(plain) or another port")
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return isClient
        ? TLSFailure("the server wants a client certificate; give one with --cert and --key")
        : TLSFailure("the client has no certificate, and --tls-client-ca wants one")
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      return TLSFailure("the \(isClient ? "server" : "client") does not trust the CA of this side's certificate")
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return TLSFailure("the other side says that this side's certificate has expired")
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,
      SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
      return TLSFailure("the other side refuses this side's certificate")
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, SSL_R_NO_APPLICATION_PROTOCOL:
      return TLSFailure("the other side speaks another protocol than logs/1 there; check host and port")
    case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
      return TLSFailure("the two sides have no version of TLS in common; 1.2 and 1.3 are spoken here")
    case SSL_R_NO_SHARED_CIPHER, SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
      return TLSFailure("the two sides have no cipher in common")
    default:
      guard let text = unsafe ERR_reason_error_string(error) else { return closed }
      return TLSFailure("\(unsafe String(cString: text))")
    }
  }

  /// The text of a C array.
  private static func text<Characters>(_ characters: Characters) -> String {
    unsafe withUnsafeBytes(of: characters) { unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
