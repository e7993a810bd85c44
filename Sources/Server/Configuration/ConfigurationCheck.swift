internal import LogsSystem
internal import LogsTransport

/// What `logsd config check` looks at once the settings are read: what a start would refuse or warn of. It starts
/// nothing, and changes nothing.
struct ConfigurationCheck {
  /// What would keep the server from starting, each with its place.
  private(set) var faults: [String] = []
  /// What it would start with, though somebody should look: an old certificate is no reason not to serve those who need
  /// none.
  private(set) var warnings: [String]

  private let reader: ConfigurationReader

  /// - Parameter now: ns since 1970.
  init(_ reader: ConfigurationReader, now: Int64 = SystemClock.wall()) {
    self.reader = reader
    warnings = reader.configuration.remarks
    checkCertificate(now: now)
    checkExposure()
  }

  private mutating func checkCertificate(now: Int64) {
    let (configuration, files) = (reader.configuration, reader.configuration.tls)
    let door = configuration.doors.first(where: \.endpoint.isTLS)
    guard door != nil || files.certificate != nil || files.key != nil else { return }
    let place = reader.place(files.certificate != nil ? "tls-cert" : files.key != nil ? "tls-key" : door?.setting ?? "")
    do throws(TransportError) {
      let certificates = try Certificates(files)
      guard let warning = certificates.warning(now: now) else { return }
      warnings.append("\(place): \(warning)")
    } catch { faults.append("\(place): \(error.message)") }
  }

  private mutating func checkExposure() {
    let tokens: [Token]?
    do throws(SettingError) { tokens = try TokenFile(directory: reader.configuration.dataDirectory).read() } catch {
      faults.append("\(reader.place("data")): \(error)")
      return
    }
    for finding in Exposure(reader.configuration, hasTokens: tokens != nil).findings {
      let text = "\(reader.place(finding.door.setting)): \(finding.text)"
      if finding.isFault { faults.append(text) } else { warnings.append(text) }
    }
  }
}
