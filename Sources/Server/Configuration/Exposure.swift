internal import LogsTransport

/// Which of the server's doors are open to other machines, and in what way.
struct Exposure {
  private let configuration: ServerConfiguration
  private let hasTokens: Bool

  init(_ configuration: ServerConfiguration, hasTokens: Bool) {
    self.configuration = configuration
    self.hasTokens = hasTokens
  }

  /// - Returns: warnings of what was allowed explicitly.
  /// - Throws: what would be open without having been allowed, and what to do.
  func check() throws(SettingError) -> [String] {
    var warnings: [String] = []
    for door in configuration.doors where door.endpoint.isOpenToOthers {
      let isTLS = door.endpoint.isTLS
      if !isTLS {
        guard configuration.isPlainAllowed else {
          throw SettingError(
            """
            \(door)\(Self.nameHint(door)) would take connections of other machines without TLS; use \
            \(Self.tlsFlag(door)), or give --insecure-plain where the network is trusted
            """)
        }
        warnings.append(
          "\(door) is open to other machines without TLS (--insecure-plain): all that is sent can be read")
      }
      if !hasTokens, !(isTLS && configuration.tls.authorities != nil) {
        guard configuration.isOpenAllowed else {
          throw SettingError(
            """
            \(door)\(Self.nameHint(door)) would let everybody on other machines append and read; make a \
            token with logsd token create, give --tls-client-ca, or --insecure-open where all may do everything
            """)
        }
        warnings.append(
          "\(door) is open to other machines without tokens (--insecure-open): everybody may append and read")
      }
    }
    return warnings
  }

  /// A word where a number was meant is a name.
  private static func nameHint(_ door: Door) -> String {
    guard let (host, _) = door.endpoint.hostAndPort, door.endpoint.hasName else { return "" }
    return ", where '\(host)' is the name of a host (a port is a number),"
  }

  private static func tlsFlag(_ door: Door) -> String {
    switch door.language {
    case .frames: "--listen-tls"
    case .http: "--listen-https"
    }
  }
}
