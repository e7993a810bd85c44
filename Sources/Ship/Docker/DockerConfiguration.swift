package import LogsTransport

/// Which containers of an engine are shipped, and where to.
package struct DockerSourceConfiguration: Sendable {
  /// The section's name.
  package var name: String
  package var address = DockerAddress.standard
  /// Globs of names; empty for any.
  package var names: [String] = []
  /// Globs of images, as the engine shows them; empty for any.
  package var images: [String] = []
  /// Labels that a container needs, all of them: `key`, or `key=value`.
  package var labels: [String] = []
  /// With the words in `DockerSourceConfiguration.streamWords`. A container without service or project counts under
  /// its own name.
  package var stream = StreamTemplate.docker
  /// Whether the stream of a container that was removed is completed. Nothing can be appended to it then, so that a
  /// template with `{id}` is wanted.
  package var completesRemoved = false
  /// Whether what comes is read, too, or only what is there.
  package var follows = true
  /// How many containers are read at once.
  package var containerCountMax = 100
  /// What all its containers may ship a second; nil for any number.
  package var rate: RateLimit?
  /// How its lines become entries.
  package var lines: LinePipeline.Configuration

  package static let streamWords = ["container", "id", "image", "service", "project"]

  package init(name: String, lines: LinePipeline.Configuration) {
    self.name = name
    self.lines = lines
  }
}

/// Where an engine listens.
package enum DockerAddress {
  package static let standard = Endpoint.unix(path: "/var/run/docker.sock")
  static let port: UInt16 = 2375

  /// Parses `unix:///path` and `tcp://host[:port]`, as in `DOCKER_HOST`.
  ///
  /// - Throws: `DockerFailure`, which says what to write instead.
  package static func parse(_ text: String) throws(DockerFailure) -> Endpoint {
    let forms = "write unix:///var/run/docker.sock or tcp://host:port"
    guard let separator = text.firstRange(of: "://") else {
      throw DockerFailure("the address of an engine \"\(text)\" has no scheme; \(forms)")
    }
    let rest = text[separator.upperBound...]
    let scheme = text[..<separator.lowerBound]
    do throws(TransportError) {
      switch scheme {
      case "unix": return try Endpoint("logs+unix://\(rest)")
      case "tcp":
        guard case .tcp(let host, let port) = try Endpoint("logs://\(rest)") else { break }
        return .tcp(host: host, port: port == Endpoint.defaultPort && !rest.contains(":\(port)") ? Self.port : port)
      default: break
      }
    } catch {
      throw DockerFailure("the address of an engine \"\(text)\" cannot be used: \(forms)")
    }
    throw DockerFailure("the address of an engine \"\(text)\" has the scheme \(scheme), which is not spoken; \(forms)")
  }
}

/// What went wrong with an engine, in a line.
package struct DockerFailure: Error, Hashable, Sendable, CustomStringConvertible {
  package let description: String
  init(_ description: String) { self.description = description }
}
