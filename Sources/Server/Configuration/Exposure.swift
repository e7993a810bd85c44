internal import LogsTransport

/// Which of the server's doors are open to other machines, and in what way.
struct Exposure {
  private let configuration: ServerConfiguration
  private let hasTokens: Bool

  /// Something that is to be said of a door.
  struct Finding {
    let door: Door
    /// Whether it was not allowed explicitly, so that the server does not start.
    let isFault: Bool
    /// Whether a token would change that.
    var wantsTokens = false
    /// What is or would be open, and what to do.
    let text: String
  }

  init(_ configuration: ServerConfiguration, hasTokens: Bool) {
    self.configuration = configuration
    self.hasTokens = hasTokens
  }

  /// - Returns: warnings of what was allowed explicitly.
  /// - Throws: what would be open without having been allowed, and what to do.
  func check() throws(SettingError) -> [String] {
    let findings = findings
    if let fault = findings.first(where: \.isFault) { throw SettingError(fault.text) }
    return findings.map(\.text)
  }

  var findings: [Finding] {
    configuration.doors.filter(\.endpoint.isOpenToOthers).flatMap { door in
      [plainText(door), everybody(door)].compactMap(\.self)
    }
  }

  private func plainText(_ door: Door) -> Finding? {
    if door.endpoint.isTLS { return nil }
    if configuration.isPlainAllowed {
      return Finding(
        door: door, isFault: false,
        text: "\(door) is open to other machines without TLS (--insecure-plain): all that is sent can be read")
    }
    return Finding(
      door: door, isFault: true,
      text: """
        \(door)\(Self.nameHint(door)) would take connections of other machines without TLS; use \
        \(Self.tlsFlag(door)), or give --insecure-plain where the network is trusted
        """)
  }

  private func everybody(_ door: Door) -> Finding? {
    if hasTokens || (door.endpoint.isTLS && configuration.tls.authorities != nil) { return nil }
    if configuration.isOpenAllowed {
      return Finding(
        door: door, isFault: false,
        text: "\(door) is open to other machines without tokens (--insecure-open): everybody may append and read")
    }
    return Finding(
      door: door, isFault: true, wantsTokens: true,
      text: """
        \(door)\(Self.nameHint(door)) would let everybody on other machines append and read; make a \
        token with logsd token create, give --tls-client-ca, or --insecure-open where all may do everything
        """)
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
