package import LogsTransport

/// A place where the server listens, and what it speaks there.
package struct Door: Hashable, Sendable, CustomStringConvertible {
  enum Language {
    /// The wire protocol.
    case frames
    case http
  }

  static let defaultHTTPPort: UInt16 = 5649
  static let defaultHTTPSPort: UInt16 = 5650

  package let endpoint: Endpoint
  let language: Language
  /// nil for one that the server opens itself.
  let socket: HandedSocket?

  init(_ endpoint: Endpoint, _ language: Language) {
    self.endpoint = endpoint
    self.language = language
    socket = nil
  }

  init(_ socket: HandedSocket, _ language: Language) {
    endpoint = socket.endpoint
    self.language = language
    self.socket = socket
  }

  /// The setting that opens it, also where it was handed over.
  var setting: String {
    switch language {
    case .frames where endpoint.hostAndPort == nil: "listen-unix"
    case .frames: endpoint.isTLS ? "listen-tls" : "listen"
    case .http: endpoint.isTLS ? "listen-https" : "listen-http"
    }
  }

  /// Whether the same is spoken there.
  func isLike(_ other: Door) -> Bool { language == other.language && endpoint.isTLS == other.endpoint.isTLS }

  /// The URL.
  package var description: String {
    switch language {
    case .frames: "\(endpoint)"
    case .http where endpoint.hostAndPort == nil: "http+unix://\("\(endpoint)".dropFirst("logs+unix://".count))"
    case .http: "\(endpoint.isTLS ? "https" : "http")://\("\(endpoint)".split(separator: "/").last ?? "")"
    }
  }
}
