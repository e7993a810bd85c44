internal import Glibc
internal import LogsTransport

extension Endpoint {
  /// Parses the value of `--listen`: `HOST[:PORT]`. A port alone, `5650` or `:5650`, listens on the loopback address
  /// only: the server checks no tokens, so access from other machines must be requested explicitly.
  init(listening text: Substring) throws(TransportError) {
    let port = text.utf8.first == UInt8(ascii: ":") ? text.dropFirst() : text
    let isPort = !port.isEmpty && port.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    try self.init("logs://\(isPort ? "127.0.0.1:\(port)" : String(text))")
  }

  /// Whether other machines may reach it: it is not a loopback address.
  var isOpenToOthers: Bool {
    switch self {
    case .unix: return false
    case .tcp(let host, _):
      var address4 = in_addr()
      if unsafe inet_pton(AF_INET, host, &address4) == 1 {
        return UInt32(bigEndian: address4.s_addr) >> 24 != Self.loopbackNetwork
      }
      return host != "::1" && host.lowercased() != "localhost"
    }
  }

  /// 127.0.0.0/8.
  private static let loopbackNetwork: UInt32 = 127
}
