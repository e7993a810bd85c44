internal import Glibc

/// `--time-zone`: what is local for times that are shown and read.
enum TimeZoneOption {
  /// - Parameter zone: `Europe/Berlin`, `utc`, `local`, or an offset like `+02:00`.
  static func use(_ zone: String) throws(CommandError) {
    guard let value = try posix(zone) else { return }
    unsafe setenv("TZ", value, 1)
    tzset()
  }

  /// The value of `TZ`; nil for the one that is set.
  private static func posix(_ zone: String) throws(CommandError) -> String? {
    switch zone.lowercased() {
    case "local": return nil
    case "utc", "z", "gmt": return "UTC0"
    default: break
    }
    let digits = zone.dropFirst().filter { $0 != ":" }
    if let sign = zone.first, sign == "+" || sign == "-", digits.count == 2 || digits.count == 4,
      let hours = UInt(digits.prefix(2)), hours < 24, let minutes = UInt("0\(digits.dropFirst(2))"), minutes < 60
    {
      // POSIX counts west of Greenwich.
      return "<\(sign)\(digits)>\(sign == "+" ? "-" : "+")\(hours):\(minutes)"
    }
    let isName = zone.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f } && !zone.contains("..") && !zone.hasPrefix("/")
    guard isName, !zone.isEmpty, unsafe access("/usr/share/zoneinfo/\(zone)", R_OK) == 0 else {
      throw .usage("--time-zone takes a name like Europe/Berlin, utc, local or an offset like +02:00, not '\(zone)'")
    }
    return ":\(zone)"
  }
}
