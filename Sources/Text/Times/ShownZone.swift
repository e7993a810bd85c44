internal import Glibc

/// The zone in which times are shown.
package enum ShownZone: Sendable {
  /// The one of the system or of the environment variable TZ.
  case local
  /// An offset east of UTC.
  case offset(seconds: Int)
  /// One that the system's database names.
  case named(String, ZoneFile)

  package static let utc = ShownZone.offset(seconds: 0)

  package var isLocal: Bool { if case .local = self { true } else { false } }

  /// Seconds east of UTC at a time in seconds since 1970.
  package func offset(at second: Int64) -> Int {
    switch self {
    case .local:
      var second = time_t(second)
      var time = unsafe tm()
      unsafe localtime_r(&second, &time)
      return unsafe time.tm_gmtoff
    case .offset(let seconds): return seconds
    case .named(_, let file): return file.offset(at: second)
    }
  }

  /// `UTC`, `+02:00`, `Europe/Berlin +02:00`.
  func text(offset: Int) -> String {
    let sign = offset < 0 ? "-" : "+"
    let minutes = abs(offset) / 60
    let clock = [minutes / 60, minutes % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
    return switch self {
    case .offset(0): "UTC"
    case .local, .offset: "\(sign)\(clock)"
    case .named(let name, _): "\(name) \(sign)\(clock)"
    }
  }
}
