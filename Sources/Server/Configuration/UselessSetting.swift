internal import LogsTransport

extension ConfigurationReader {
  /// What is said of settings that do nothing, since others that they need are not there.
  var uselessSettings: [String] {
    let doors = configuration.doors
    let isHTTP = doors.contains { $0.language == .http }
    let isTLS = doors.contains(where: \.endpoint.isTLS)
    let isUnix = doors.contains { if case .unix = $0.endpoint { true } else { false } }
    let needs = [
      (["archive-retention-age"], "archive", configuration.archive != nil),
      (["http-host", "http-allow-origin", "base-path", "trusted-proxy"], "listen-http or listen-https", isHTTP),
      (["tls-cert", "tls-key", "tls-client-ca"], "listen-tls or listen-https", isTLS),
      (["unix-allow"], "listen-unix", isUnix),
    ]
    return needs.filter { !$0.2 }.flatMap { names, other, _ in
      names.compactMap { Setting.named($0) }.filter { $0.read(configuration) != $0.read(defaults) }.map { setting in
        "\(place(setting.name)) has no effect without \(other); set that, too, or take this away"
      }
    }
  }
}
