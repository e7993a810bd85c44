/// Where a server's door for the web is: a host and port, with TLS or without, and the path below which it lies.
package struct WebAddress: Hashable, Sendable {
  package let host: String
  package let port: UInt16
  package let isTLS: Bool
  /// What a proxy has put before the server's own paths; empty for nothing.
  package let basePath: String

  package init(host: String, port: UInt16, isTLS: Bool, basePath: String) {
    self.host = host
    self.port = port
    self.isTLS = isTLS
    self.basePath = basePath
  }

  static let defaultPort: UInt16 = 80
  static let defaultTLSPort: UInt16 = 443

  /// Where frames of the protocol travel in a WebSocket.
  package static let wirePath = "/api/v1/wire"

  var path: String { basePath + Self.wirePath }

  var authority: String { Endpoint.authority(host, port) }

  var withoutTLS: WebAddress { WebAddress(host: host, port: port, isTLS: false, basePath: basePath) }

  var withTLS: WebAddress { WebAddress(host: host, port: port, isTLS: true, basePath: basePath) }

  /// As a web address, for messages.
  var url: String { "\(isTLS ? "wss" : "ws")://\(authority)\(path)" }
}
