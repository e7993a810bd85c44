internal import LogsStore
internal import LogsSystem
internal import LogsTransport

extension Server {
  /// Reads the settings, tokens, certificate, key and client CA again. Connections that exist go on, unless their token
  /// is gone. Each is independent of the others: a certificate is renewed also while somebody edits the settings.
  ///
  /// - Parameters:
  ///   - read: reads the settings as the start did. If it fails, those in use stay.
  ///   - own: the server's own log.
  /// - Returns: what was logged.
  func reload(_ read: () throws(ConfigurationError) -> ServerConfiguration, _ own: ServerLog) -> [LogLine] {
    var lines: [LogLine] = []
    do throws(ConfigurationError) {
      let running = configuration
      let read = try read()
      let reload = SettingsReload(from: running, to: read)
      lines = reload.lines + read.remarks.map(LogLine.warn)
      // With the lower of both levels, and where either has them, so that the lines about a change are seen.
      own.set(level: min(running.logLevel, reload.configuration.logLevel), format: running.logFormat)
      own.stream.set(isOn: running.isLogStream || reload.configuration.isLogStream)
      for line in lines { log(line) }
      apply(reload.configuration)
      own.set(reload.configuration)
    } catch {
      lines = error.faults.map { .error("the settings in use stay: \($0)") }
      for line in lines { log(line) }
    }
    return lines + [access.refresh()].compactMap(\.self) + reloadCertificates()
  }

  private func reloadCertificates() -> [LogLine] {
    guard let certificates else { return [] }
    var lines: [LogLine] = []
    do throws(TransportError) {
      try certificates.reload()
      lines.append(.notice("the certificate was read again, for new connections"))
      if let warning = certificates.warning(now: SystemClock.wall()) { lines.append(.warn(warning)) }
    } catch { lines.append(.error("the certificate in use stays: \(error.message)")) }
    for line in lines { log(line) }
    return lines
  }
}
