internal import LogsTransport

/// Where a request comes from and how it got here: what the connection shows, or what a proxy that is trusted says.
struct HTTPSender: Hashable, Sendable {
  /// Without a port.
  private(set) var address: String
  /// Whether the client's own connection has TLS.
  private(set) var isSecure: Bool
  /// The host that the client asked; nil if HTTP/1.0 left it out.
  private(set) var host: String?

  /// - Parameters:
  ///   - address: of the other end of the connection, without a port.
  ///   - isSecure: whether that has TLS.
  init(_ request: HTTPRequest, address: String, isSecure: Bool, proxies: [AddressRange]) {
    self.address = address
    self.isSecure = isSecure
    host = request["host"]
    let isTrusted: (String) -> Bool = { address in proxies.contains { $0.contains(address) } }
    guard isTrusted(address) else { return }
    // Each proxy adds the address that it sees. The first ones are what the client wants to be believed.
    for next in request.words("x-forwarded-for").reversed() {
      guard AddressRange.isAddress(next) else { break }
      self.address = next
      if !isTrusted(next) { break }
    }
    if let scheme = request.words("x-forwarded-proto").last { self.isSecure = scheme.lowercased() == "https" }
    if let name = request.words("x-forwarded-host").last { host = name }
  }

  /// Whether what it sends does not leave the machine in plain text.
  var isPrivate: Bool {
    isSecure || address.hasPrefix("127.") || address == "[::1]" || address == "::1"
      || address.hasPrefix("unix socket")
  }
}

extension HTTPRequest {
  /// What a header lists, in all its lines.
  fileprivate func words(_ name: String) -> [String] {
    headers.filter { $0.name == name }
      .flatMap { $0.value.split(separator: ",", omittingEmptySubsequences: false).map(\.trimmed) }
  }
}
