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

  init(_ endpoint: Endpoint, _ language: Language) {
    self.endpoint = endpoint
    self.language = language
  }

  /// The URL.
  package var description: String {
    switch language {
    case .frames: "\(endpoint)"
    case .http where endpoint.hostAndPort == nil: "http+unix://\("\(endpoint)".dropFirst("logs+unix://".count))"
    case .http: "\(endpoint.isTLS ? "https" : "http")://\("\(endpoint)".split(separator: "/").last ?? "")"
    }
  }
}
