internal import Glibc
internal import LogsTransport

extension Endpoint {
  /// Parses a value of `--listen` and its like: `HOST[:PORT]`. A port alone, `5650` or `:5650`, listens on the
  /// loopback address only: access from other machines must be requested explicitly.
  init(listening text: Substring, isTLS: Bool, defaultPort: UInt16) throws(TransportError) {
    let port = text.utf8.first == UInt8(ascii: ":") ? text.dropFirst() : text
    let isPort = !port.isEmpty && port.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    let scheme = isTLS ? "logs+tls" : "logs"
    let hasPort = (text.lastIndex(of: "]").map { text[$0...] } ?? text).contains(":")
    let address = isPort ? "127.0.0.1:\(port)" : hasPort || text.isEmpty ? String(text) : "\(text):\(defaultPort)"
    guard !text.contains("/") else {
      throw TransportError(
        .invalidEndpoint,
        "'\(text)' is no HOST:PORT; leave out the scheme, and give the path of a Unix socket with --listen-unix")
    }
    let url = "\(scheme)://\(address)"
    do { self = try Endpoint(url) } catch {
      // Nobody has written a URL.
      throw TransportError(.invalidEndpoint, error.message.replacing("the URL \"\(url)\"", with: "'\(text)'"))
    }
  }

  /// Whether other machines may reach it: it is not a loopback address.
  var isOpenToOthers: Bool {
    guard let (host, _) = hostAndPort else { return false }
    var address4 = in_addr()
    if unsafe inet_pton(AF_INET, host, &address4) == 1 {
      return UInt32(bigEndian: address4.s_addr) >> 24 != Self.loopbackNetwork
    }
    return host != "::1" && host.lowercased() != "localhost"
  }

  /// Whether its host is a name, which has to be looked up.
  var hasName: Bool {
    guard let (host, _) = hostAndPort else { return false }
    var address4 = in_addr()
    return unsafe inet_pton(AF_INET, host, &address4) != 1 && !host.contains(":")
  }

  /// 127.0.0.0/8.
  private static let loopbackNetwork: UInt32 = 127
}
