internal import Glibc

extension Endpoint {
  private static let forms =
    """
    logs://host[:port], logs+tls://host[:port], logs+ws://host[:port][/path], logs+wss://host[:port][/path] or \
    logs+unix:///path/to/socket
    """

  /// Parses `logs://host[:port]`, `logs+tls://host[:port]`, `logs+ws://host[:port][/path]`, `logs+wss://...` or
  /// `logs+unix:///path`. IPv6 addresses are in brackets.
  ///
  /// - Throws: `invalidEndpoint`, which says what to write instead.
  package init(_ url: String) throws(TransportError) {
    guard let separator = url.firstRange(of: "://") else {
      let example = url.isEmpty || url.utf8.contains(UInt8(ascii: "/")) ? Self.forms : "logs://\(url)"
      throw Self.invalid(url, "has no scheme", example)
    }
    let rest = url[separator.upperBound...]
    switch url[..<separator.lowerBound].lowercased() {
    case "logs":
      let (host, port) = try Self.hostAndPort(url, rest, defaultPort: Self.defaultPort)
      self = .tcp(host: host, port: port)
    case "logs+tls":
      let (host, port) = try Self.hostAndPort(url, rest, defaultPort: Self.defaultTLSPort)
      self = .tls(host: host, port: port)
    case "logs+ws": self = .web(try Self.webAddress(url, rest, isTLS: false))
    case "logs+wss": self = .web(try Self.webAddress(url, rest, isTLS: true))
    case "logs+unix":
      guard rest.utf8.first == UInt8(ascii: "/"), rest.utf8.count > 1 else {
        throw Self.invalid(url, "has no absolute path", "logs+unix:///path/to/socket")
      }
      guard !rest.utf8.contains(0) else { throw Self.invalid(url, "has a zero byte in its path", Self.forms) }
      self = .unix(path: String(rest))
    case let scheme where ["ws", "wss", "http", "https"].contains(scheme):
      let isTLS = scheme == "wss" || scheme == "https"
      let address = (try? Self.webAddress(url, rest, isTLS: isTLS)).map { "\(Endpoint.web($0))" }
      throw Self.invalid(
        url, "has the scheme \(scheme), which is not spoken here",
        "\(address ?? "logs+ws://host[:port][/path]") to go through --listen-http of logsd, with logs+wss:// over TLS "
          + "and logs+ws:// without, or logs://host[:port] for --listen")
    case let scheme: throw Self.invalid(url, "has the unknown scheme \(scheme)", Self.forms)
    }
  }

  private static func invalid(_ url: String, _ what: String, _ example: String) -> TransportError {
    TransportError(.invalidEndpoint, "the URL \"\(url)\" \(what); write \(example)")
  }

  /// `host[:port][/base/path]`.
  private static func webAddress(
    _ url: String, _ text: Substring, isTLS: Bool
  ) throws(TransportError) -> WebAddress {
    let end = text.firstIndex(of: "/") ?? text.endIndex
    let port = isTLS ? WebAddress.defaultTLSPort : WebAddress.defaultPort
    let (host, number) = try hostAndPort(url, text[..<end], defaultPort: port)
    var path = text[end...]
    while path.utf8.last == UInt8(ascii: "/") { path.removeLast() }
    // The whole address is as clear as that of the door.
    if path.hasSuffix(WebAddress.wirePath) { path.removeLast(WebAddress.wirePath.count) }
    guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }) else {
      throw invalid(url, "has a path with spaces, ? or #", "logs+wss://host/base/path")
    }
    return WebAddress(host: host, port: number, isTLS: isTLS, basePath: String(path))
  }

  private static func hostAndPort(
    _ url: String, _ text: Substring, defaultPort: UInt16
  ) throws(TransportError) -> (host: String, port: UInt16) {
    // People and tools add a slash at the end out of habit.
    let authority = text.utf8.last == UInt8(ascii: "/") ? text.dropLast() : text
    if let odd = authority.unicodeScalars.first(where: { "/?#@ ".unicodeScalars.contains($0) }) {
      throw invalid(url, "has a \"\(odd)\" in its host", "logs://host[:port], without user, path or query")
    }
    let host: Substring
    let port: Substring?
    if authority.utf8.first == UInt8(ascii: "[") {
      guard let end = authority.firstIndex(of: "]") else {
        throw invalid(url, "has no closing bracket", "logs://[::1]:\(defaultPort)")
      }
      host = authority[authority.index(after: authority.startIndex)..<end]
      guard isIPv6(host) else {
        throw invalid(url, "has no IPv6 address in its brackets", "logs://[::1]:\(defaultPort)")
      }
      let tail = authority[authority.index(after: end)...]
      guard tail.isEmpty || tail.utf8.first == UInt8(ascii: ":") else {
        throw invalid(url, "continues after the bracket", "logs://[::1]:\(defaultPort)")
      }
      port = tail.isEmpty ? nil : tail.dropFirst()
    } else {
      guard authority.count(where: { $0 == ":" }) <= 1 else {
        throw invalid(url, "has several colons", "an IPv6 address in brackets: logs://[::1]:\(defaultPort)")
      }
      let colon = authority.firstIndex(of: ":")
      host = authority[..<(colon ?? authority.endIndex)]
      port = colon.map { authority[authority.index(after: $0)...] }
      // The system also accepts a number as an address: 5650 would be 0.0.22.18.
      guard host.isEmpty || !host.utf8.allSatisfy(isDigit) else {
        throw invalid(url, "has a number as its host", "logs://127.0.0.1:\(host) if it is a port")
      }
      guard isName(host) else {
        throw invalid(
          url, host.isEmpty ? "has no host" : "has a host that is no name and no address",
          host.isEmpty ? "logs://localhost, or logs://0.0.0.0 to listen everywhere" : "logs://host[:port]")
      }
    }
    guard let port else { return (String(host), defaultPort) }
    guard port.utf8.allSatisfy(isDigit), let number = UInt16(port) else {
      throw invalid(url, "has the port \"\(port)\"", "a number up to 65535, or none for \(defaultPort)")
    }
    return (String(host), number)
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  private static func isName(_ host: Substring) -> Bool {
    !host.isEmpty
      && host.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }

  /// A zone such as `%eth0` may follow.
  private static func isIPv6(_ host: Substring) -> Bool {
    let address = host.prefix { $0 != "%" }
    var parsed = in6_addr()
    return unsafe inet_pton(AF_INET6, String(address), &parsed) == 1
  }
}
