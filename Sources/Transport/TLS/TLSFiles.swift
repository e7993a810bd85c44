/// The PEM files of one side of TLS.
package struct TLSFiles: Hashable, Sendable {
  /// The side's own certificate, with those between it and its CA.
  package var certificate: String?
  package var key: String?
  /// The CAs whose certificates are accepted from the other side.
  package var authorities: String?

  package init(certificate: String? = nil, key: String? = nil, authorities: String? = nil) {
    self.certificate = certificate
    self.key = key
    self.authorities = authorities
  }
}
