/// Where a server listens and a client connects: a host and port, plain or with TLS, or the file of a Unix socket.
package enum Endpoint: Hashable, Sendable {
  case tcp(host: String, port: UInt16)
  case tls(host: String, port: UInt16)
  case unix(path: String)
  /// Through the server's door for the web, and proxies before it.
  case web(WebAddress)

  package static let defaultPort: UInt16 = 5647
  package static let defaultTLSPort: UInt16 = 5648

  /// nil for a Unix socket.
  package var hostAndPort: (host: String, port: UInt16)? {
    switch self {
    case .tcp(let host, let port), .tls(let host, let port): (host, port)
    case .web(let address): (address.host, address.port)
    case .unix: nil
    }
  }

  package var isTLS: Bool {
    switch self {
    case .tls: true
    case .web(let address): address.isTLS
    case .tcp, .unix: false
    }
  }
}

extension Endpoint: CustomStringConvertible {
  /// The URL, which `init(_:)` reads back.
  package var description: String {
    switch self {
    case .tcp(let host, let port): "logs://\(Self.authority(host, port))"
    case .tls(let host, let port): "logs+tls://\(Self.authority(host, port))"
    case .unix(let path): "logs+unix://\(path)"
    case .web(let address): "\(address.isTLS ? "logs+wss" : "logs+ws")://\(address.authority)\(address.basePath)"
    }
  }

  static func authority(_ host: String, _ port: UInt16) -> String {
    host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
