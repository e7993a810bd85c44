internal import Glibc
internal import LogsSystem
internal import LogsText

/// `--time-zone` and its short forms: the zone in which times are shown. Times in other flags stay local.
enum TimeZoneOption {
  static let all = [
    Option("time-zone", ["Z"], form: "ZONE", help: "show times in ZONE: Europe/Berlin, +02:00, utc or local"),
    Option("utc", help: "the same as -Z utc"),
    Option("local", ["L"], help: "the same as -Z local"),
  ]

  /// The zone that was given last; nil if none was.
  static func zone(_ arguments: Arguments) throws(CommandError) -> ShownZone? {
    let names = all.map(\.name)
    guard let flag = arguments.flags.last(where: { names.contains($0.name) }) else { return nil }
    return try zone(flag.name == "time-zone" ? flag.value : flag.name, flag: flag.written)
  }

  private static func zone(_ text: String, flag: String) throws(CommandError) -> ShownZone {
    switch TimeZoneRule(text) {
    case .local?: return .local
    case .offset(let seconds)?: return .offset(seconds: seconds)
    case nil: break
    }
    // The name is part of a path.
    let isName = text.utf8.first != UInt8(ascii: "/") && !text.split(separator: "/").contains("..")
    if isName, let file = zoneFile("\(directory)/\(text)") { return .named(text, file) }
    throw .usage(
      "\(flag) takes a name like Europe/Berlin, utc, local or an offset like +02:00, not '\(text)'\(suggestion(text))")
  }

  /// The zone that may have been meant: its name may have wrong letters, or be the city alone.
  private static func suggestion(_ text: String) -> String {
    let names = zoneNames()
    let isCity = !text.contains("/")
    let known = isCity ? names.map { $0.split(separator: "/").last.map(String.init) ?? $0 } : names
    guard let nearest = Spelling.nearest(to: text, among: known + ["utc", "local"]) else { return "" }
    let name = known.firstIndex(of: nearest).map { names[$0] } ?? nearest
    return "; did you mean \(name)?"
  }

  /// Those of places; none if the system has no list of them.
  private static func zoneNames() -> [String] {
    do throws(SystemError) {
      let list = try Descriptor.open("\(directory)/zone.tab", O_RDONLY).readAll(atMost: fileByteCountMax)
      return String(decoding: list, as: UTF8.self).split(separator: "\n").compactMap { line in
        let columns = line.split(separator: "\t")
        return line.hasPrefix("#") || columns.count < 3 ? nil : String(columns[2])
      }
    } catch { return [] }
  }

  /// Where tzset(3) looks, too.
  private static var directory: String { Terminal.environment("TZDIR") ?? "/usr/share/zoneinfo" }
  private static let fileByteCountMax = 64 << 10

  private static func zoneFile(_ path: String) -> ZoneFile? {
    do throws(SystemError) {
      return ZoneFile(try Descriptor.open(path, O_RDONLY).readAll(atMost: fileByteCountMax))
    } catch { return nil }
  }
}
