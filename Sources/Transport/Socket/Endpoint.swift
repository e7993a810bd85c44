/// Where a server listens and a client connects: a host and port, or the file of a Unix socket.
package enum Endpoint: Hashable, Sendable {
  case tcp(host: String, port: UInt16)
  case unix(path: String)

  package static let defaultPort: UInt16 = 5647
}

extension Endpoint: CustomStringConvertible {
  /// The URL, which `init(_:)` reads back.
  package var description: String {
    switch self {
    case .tcp(let host, let port):
      host.utf8.contains(UInt8(ascii: ":")) ? "logs://[\(host)]:\(port)" : "logs://\(host):\(port)"
    case .unix(let path): "logs+unix://\(path)"
    }
  }
}
