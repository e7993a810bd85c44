internal import Glibc
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
    checkDirectory()
    checkCertificate(now: now)
    checkExposure()
  }

  /// Another user than the server's may be the one who asks: who may write there, only the server finds out.
  private mutating func checkDirectory() {
    let directory = reader.configuration.dataDirectory
    guard reader.isSet("data") else { return }
    do throws(FileError) {
      guard let obstacle = try PosixFileSystem().obstacle(toDirectory: directory) else { return }
      if case .denied = obstacle { return }
      faults.append("\(reader.place("data")): \(obstacle.words(of: directory))")
    } catch {}
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
    let obstacle = tokenObstacle
    var tokens: [Token]?
    if obstacle == nil {
      do throws(SettingError) { tokens = try TokenFile(directory: reader.configuration.dataDirectory).read() } catch {
        faults.append("\(reader.place("data")): \(error)")
        return
      }
    }
    for finding in Exposure(reader.configuration, hasTokens: tokens != nil).findings {
      let text = "\(reader.place(finding.door.setting)): \(finding.text)"
      if finding.wantsTokens, let obstacle {
        warnings.append("\(text). \(obstacle)")
      } else if finding.isFault {
        faults.append(text)
      } else {
        warnings.append(text)
      }
    }
  }

  /// Why nobody can say from here whether the server has tokens; nil if it can be seen.
  private var tokenObstacle: String? {
    let directory = reader.configuration.dataDirectory
    if !reader.isSet("data"), unsafe access(directory, F_OK) != 0 {
      return "There may be some: which data directory the server has is not set here; name it with --data"
    }
    let path = TokenFile(directory: directory).path
    guard unsafe access(path, R_OK) != 0, errno == EACCES else { return nil }
    return "There may be some: user \(geteuid()) cannot read \(path); run this as the server's user"
  }
}
