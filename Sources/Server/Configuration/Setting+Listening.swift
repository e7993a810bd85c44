internal import Glibc
internal import LogsTransport

/// Where the server listens, and how it proves who it is.
extension Setting {
  static let listening: [Setting] = [
    endpoints(
      "listen",
      "TCP addresses to listen on; a port alone is one of 127.0.0.1; port 0 takes a free one; 'none' for none",
      \.endpoints, defaultPort: Endpoint.defaultPort, isOne: { if case .tcp = $0 { true } else { false } }),
    endpoints(
      "listen-tls", "the same with TLS, usually on port \(Endpoint.defaultTLSPort); needs --tls-cert and --tls-key",
      \.endpoints, isTLS: true, defaultPort: Endpoint.defaultTLSPort, isOne: \.isTLS),
    endpoints(
      "listen-http",
      "TCP addresses to listen on for HTTP, usually on port \(Door.defaultHTTPPort), or Unix sockets: unix:/PATH",
      \.httpEndpoints, takesUnix: true, defaultPort: Door.defaultHTTPPort, isOne: { !$0.isTLS }),
    endpoints(
      "listen-https", "the same with TLS, usually on port \(Door.defaultHTTPSPort); needs --tls-cert and --tls-key",
      \.httpEndpoints, isTLS: true, defaultPort: Door.defaultHTTPSPort, isOne: \.isTLS),
    Setting(
      name: "http-host", form: "NAME,...", separator: ",",
      help: "names besides localhost by which browsers may reach the server over HTTP without a token",
      write: { text, configuration throws(SettingError) in
        let names = text == "none" ? [] : text.split(separator: ",").map { $0.trimmed.lowercased() }
        if let odd = names.first(where: { $0.isEmpty || $0.contains(where: { ":/@ ".contains($0) }) }) {
          throw SettingError("'\(odd)' is no name of a host; write it without scheme and port, like logs.example.com")
        }
        configuration.httpHosts = names
      }, read: { $0.httpHosts.isEmpty ? "none" : $0.httpHosts.joined(separator: ",") }),
    Setting(
      name: "http-allow-origin", form: "ORIGIN,...", separator: ",",
      help: "sites, like https://app.example.com, whose pages may use the server over HTTP with a token of their own",
      write: { text, configuration throws(SettingError) in
        var origins: [String] = []
        for part in text == "none" ? [] : text.split(separator: ",", omittingEmptySubsequences: false) {
          guard let origin = HTTPCrossOrigin.parse(part.trimmed) else {
            throw SettingError(
              """
              '\(part.trimmed)' is no origin; write scheme and host, and the port unless it is the usual one, without \
              a path: https://app.example.com
              """)
          }
          origins.append(origin)
        }
        configuration.httpOrigins = origins
      }, read: { $0.httpOrigins.isEmpty ? "none" : $0.httpOrigins.joined(separator: ",") }),
    Setting(
      name: "base-path", form: "PATH",
      help: "what the paths of all addresses of HTTP begin with, like /logs, behind a proxy that serves more",
      write: { text, configuration throws(SettingError) in
        let isPlain = text.utf8.allSatisfy { byte in
          UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
            || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || "/-._~".utf8.contains(byte)
        }
        let isPath = isPlain && text.hasPrefix("/") && !text.hasSuffix("/") && !text.contains("//")
        guard text == "none" || isPath else {
          throw SettingError("'\(text)' is no base path; write one like /logs, of letters, digits and - . _ ~ /")
        }
        configuration.httpBasePath = text == "none" ? "" : text
      }, read: { $0.httpBasePath.isEmpty ? "none" : $0.httpBasePath }),
    Setting(
      name: "trusted-proxy", form: "ADDRESS,...", separator: ",",
      help: "proxies, like 10.0.0.1 or 10.0.0.0/8, whose headers X-Forwarded-For, -Proto and -Host are believed",
      write: { text, configuration throws(SettingError) in
        var ranges: [AddressRange] = []
        for part in text == "none" ? [] : text.split(separator: ",", omittingEmptySubsequences: false) {
          guard let range = AddressRange(part.trimmed) else {
            throw SettingError("'\(part.trimmed)' is no address; write one like 10.0.0.1, 10.0.0.0/8 or fd00::/8")
          }
          ranges.append(range)
        }
        configuration.httpProxies = ranges
      },
      read: { $0.httpProxies.isEmpty ? "none" : $0.httpProxies.map(\.description).joined(separator: ",") }),
    Setting(
      name: "listen-unix", form: "PATH", help: "a Unix socket to listen on",
      write: { text, configuration throws(SettingError) in
        configuration.endpoints.removeAll { if case .unix = $0 { true } else { false } }
        if text.isEmpty { return }
        configuration.endpoints.append(.unix(path: text))
      },
      read: { configuration in
        for case .unix(let path) in configuration.endpoints { return path }
        return ""
      }),
    file("tls-cert", "the server's certificate and those between it and its CA, in PEM form", \.tls.certificate),
    file("tls-key", "the key of the certificate, in PEM form without a passphrase", \.tls.key),
    file(
      "tls-client-ca", "the CA, or several, of one of which each client with TLS needs a certificate",
      \.tls.authorities),
    named(
      "unix-allow", "USER: RIGHTS; ...",
      "what users of the Unix socket may do besides the server's own and root, like 'web: append:web/* read:web/*'",
      \.unixAllow, check: user),
    named(
      "cert-allow", "NAME: RIGHTS; ...",
      "what clients with a certificate of --tls-client-ca may do, by its common name; without it, append and read all",
      \.certificateAllow, check: { name throws(SettingError) in name }),
    toggle(
      "insecure-plain", "lets other machines connect without TLS: what they send can be read on the way",
      \.isPlainAllowed),
    toggle(
      "insecure-open", "lets other machines connect without a token or certificate: everybody may do everything",
      \.isOpenAllowed),
  ]

  private static func named(
    _ name: String, _ form: String, _ help: String, _ path: Path<NamedRights>,
    check: @escaping @Sendable (String) throws(SettingError) -> String
  ) -> Setting {
    Setting(
      name: name, form: form, separator: ";", help: help,
      write: { text, configuration throws(SettingError) in
        configuration[keyPath: path] = text == "none" ? NamedRights() : try NamedRights(text, check)
      }, read: { $0[keyPath: path].description })
  }

  /// The number of a user who is named.
  @Sendable private static func user(_ name: String) throws(SettingError) -> String {
    if UInt32(name) != nil { return name }
    guard let entry = unsafe getpwnam(name) else {
      throw SettingError("there is no user '\(name)' here; write a name of this machine, or a number")
    }
    return unsafe String(entry.pointee.pw_uid)
  }

  private static let unixPrefix = "unix:"

  private static func endpoints(
    _ name: String, _ help: String, _ path: Path<[Endpoint]>, isTLS: Bool = false, takesUnix: Bool = false,
    defaultPort: UInt16, isOne: @escaping @Sendable (Endpoint) -> Bool
  ) -> Setting {
    Setting(
      name: name, form: "HOST:PORT,...", separator: ",", help: help,
      write: { text, configuration throws(SettingError) in
        configuration[keyPath: path].removeAll(where: isOne)
        if text == "none" { return }
        var endpoints: [Endpoint] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
          if takesUnix, part.hasPrefix(unixPrefix) {
            let path = String(part.dropFirst(unixPrefix.count))
            guard path.hasPrefix("/") else { throw SettingError("'\(part)' is no Unix socket; write unix:/PATH") }
            endpoints.append(.unix(path: path))
            continue
          }
          do throws(TransportError) {
            endpoints.append(try Endpoint(listening: part, isTLS: isTLS, defaultPort: defaultPort))
          } catch {
            throw SettingError(error.message)
          }
        }
        configuration[keyPath: path] = endpoints + configuration[keyPath: path]
      },
      read: { configuration in
        let texts = configuration[keyPath: path].filter(isOne).compactMap { endpoint in
          if case .unix(let path) = endpoint { return unixPrefix + path }
          return "\(endpoint)".split(separator: "/").last.map(String.init)
        }
        return texts.isEmpty ? "none" : texts.joined(separator: ",")
      })
  }
}
