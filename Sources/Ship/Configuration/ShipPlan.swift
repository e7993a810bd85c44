internal import Glibc
internal import LogsText
internal import LogsWire

/// What a configuration says: how the shipper works, and what it reads.
package struct ShipPlan: Sendable {
  package enum SourcePlan: Sendable {
    case files(FileSourceConfiguration)
  }

  package var shipper: ShipperConfiguration
  package var host: String
  package var sources: [SourcePlan] = []

  /// - Throws: `ShipFileError`.
  package init(_ file: ShipFile, stateDirectory: String?) throws(ShipFileError) {
    let settings = try ShipSettings(file.settings, of: ShipSetting.shipper, what: "the shipper")
    guard let state = settings.value("state") ?? stateDirectory, !state.isEmpty else {
      throw ShipFileError("the shipper needs a directory for its state: --state DIR, or 'state = DIR'")
    }
    shipper = ShipperConfiguration(stateDirectory: state)
    host = settings.value("host") ?? Self.machineName
    if let size = try settings.size("spool-size") { shipper.spoolByteCountMax = size }
    if let linger = try settings.time("linger") { shipper.linger = linger }
    if let drain = try settings.time("drain") { shipper.drainTime = drain }
    shipper.attributes = [LogAttribute("host.name", .string(host))]
    shipper.ownStream = StreamTemplate.valid("ship/\(host)")
    if let setting = settings.setting("own-stream") {
      do throws(LogError) { shipper.ownStream = try StreamName(setting.value) } catch {
        throw ShipFileError("\(setting.origin): \(error.message)")
      }
    }
    guard !file.sections.isEmpty else {
      throw ShipFileError("there is nothing to ship: name files with --files, or sources in a configuration")
    }
    for section in file.sections { sources.append(try Self.source(section, host: host)) }
  }

  private static var machineName: String {
    var bytes = [CChar](repeating: 0, count: 256)
    guard unsafe gethostname(&bytes, bytes.count - 1) == 0 else { return "localhost" }
    return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func source(_ section: ShipFile.Section, host: String) throws(ShipFileError) -> SourcePlan {
    guard let known = ShipSetting.all(of: section.kind) else {
      let suggestion = Spelling.suggestion(section.kind, among: ShipSetting.kinds)
      let kinds = ShipSetting.kinds.joined(separator: ", ")
      throw ShipFileError(
        "\(section.origin): there is no kind of source '\(section.kind)'\(suggestion); there are \(kinds)")
    }
    let settings = try ShipSettings(section.settings, of: known, what: "a source of kind \(section.kind)")
    let lines = try self.lines(settings, host: host)
    return .files(try files(section, settings, lines))
  }

  private static func files(
    _ section: ShipFile.Section, _ settings: ShipSettings, _ lines: LinePipeline.Configuration
  ) throws(ShipFileError) -> FileSourceConfiguration {
    let directory = workingDirectory
    let globs = settings.values("path").map { FileGlob($0, workingDirectory: directory) }
    guard !globs.isEmpty else {
      throw ShipFileError("\(section.origin): the source '\(section.name)' needs a path, such as path = /var/log/*.log")
    }
    var configuration = FileSourceConfiguration(name: section.name, globs: globs, lines: lines)
    configuration.excluded = settings.values("exclude").map { FileGlob($0, workingDirectory: directory) }
    if let stream = try settings.stream(["path", "name", "host", "namespace", "pod", "container"]) {
      configuration.stream = stream
    }
    if let start = try settings.choice("start", FileSourceConfiguration.Start.self) { configuration.start = start }
    configuration.readsArchives = try settings.flag("archives") ?? false
    configuration.polls = try settings.flag("poll") ?? false
    if let wait = try settings.time("line-wait") { configuration.lineWait = wait }
    configuration.rate = try rate(settings)
    return configuration
  }

  private static func rate(_ settings: ShipSettings) throws(ShipFileError) -> RateLimit? {
    let excess = try settings.choice("over-rate", RateLimit.Excess.self)
    guard let setting = settings.setting("rate") else {
      guard let excess = settings.setting("over-rate") else { return nil }
      throw ShipFileError("\(excess.origin): over-rate says what becomes of lines beyond a rate, and there is no rate")
    }
    guard let rate = Int(setting.value), (1...1_000_000_000).contains(rate) else {
      throw ShipFileError("\(setting.origin): rate takes a number of lines a second, like 1000, not '\(setting.value)'")
    }
    return RateLimit(linesPerSecond: rate, excess: excess ?? .wait)
  }

  private static var workingDirectory: String {
    guard let path = unsafe getcwd(nil, 0) else { return "/" }
    defer { unsafe free(path) }
    return unsafe String(cString: path)
  }

  private static func lines(_ settings: ShipSettings, host: String) throws(ShipFileError) -> LinePipeline.Configuration
  {
    var lines = LinePipeline.Configuration()
    if let setting = settings.setting("input-zone") {
      guard let zone = TimeZoneRule(setting.value) else {
        throw ShipFileError(
          "\(setting.origin): input-zone takes local, utc, or an offset like +02:00, not '\(setting.value)'")
      }
      lines.zone = zone
    }
    if let format = try settings.choice("format", LineFormat.self) { lines.format = format }
    if let setting = settings.setting("level") {
      guard let severity = LogSeverity(name: setting.value) else {
        throw ShipFileError("\(setting.origin): '\(setting.value)' is no level")
      }
      lines.severity = severity
    }
    if let setting = settings.setting("source") {
      lines.source = ByteString(setting.value)
      if lines.source.count > Limits.sourceByteCountMax {
        throw ShipFileError("\(setting.origin): a source has at most \(Limits.sourceByteCountMax) bytes")
      }
    }
    lines.attributes = [LogAttribute("host.name", .string(host))]
    for setting in settings.all("attribute") {
      let parts = setting.value.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty, parts[0].utf8.count <= 255 else {
        throw ShipFileError("\(setting.origin): an attribute is written KEY=TEXT, not '\(setting.value)'")
      }
      lines.attributes.append(LogAttribute(String(parts[0]), .string(String(parts[1]))))
    }
    return lines
  }
}

/// The settings of one section, with their values read.
struct ShipSettings {
  private let settings: [ShipFile.Setting]

  /// - Throws: if one is unknown, or comes twice.
  init(_ settings: [ShipFile.Setting], of known: [ShipSetting], what: String) throws(ShipFileError) {
    var seen: [String: ShipFile.Setting] = [:]
    for setting in settings {
      guard let kind = known.first(where: { $0.name == setting.name }) else {
        let suggestion = Spelling.suggestion(setting.name, among: known.map(\.name))
        throw ShipFileError("\(setting.origin): \(what) has no setting '\(setting.name)'\(suggestion)")
      }
      if let earlier = seen[setting.name], !kind.isRepeated {
        throw ShipFileError("\(setting.origin): '\(setting.name)' was said before, in \(earlier.origin)")
      }
      if setting.value.isEmpty {
        throw ShipFileError("\(setting.origin): '\(setting.name)' has no value (\(kind.form))")
      }
      seen[setting.name] = setting
    }
    self.settings = settings
  }

  func all(_ name: String) -> [ShipFile.Setting] { settings.filter { $0.name == name } }
  func setting(_ name: String) -> ShipFile.Setting? { settings.last { $0.name == name } }
  func value(_ name: String) -> String? { setting(name)?.value }
  func values(_ name: String) -> [String] { all(name).map(\.value) }

  func flag(_ name: String) throws(ShipFileError) -> Bool? {
    guard let setting = setting(name) else { return nil }
    switch setting.value {
    case "yes", "true", "on": return true
    case "no", "false", "off": return false
    default: throw ShipFileError("\(setting.origin): \(name) takes yes or no, not '\(setting.value)'")
    }
  }

  func time(_ name: String) throws(ShipFileError) -> Duration? {
    guard let setting = setting(name) else { return nil }
    if setting.value == "0" { return .zero }
    guard let time = TimeSpan.parse(setting.value) else {
      throw ShipFileError("\(setting.origin): \(name) takes a time like 20ms, 5s or 1m, not '\(setting.value)'")
    }
    return time
  }

  func size(_ name: String) throws(ShipFileError) -> Int? {
    guard let setting = setting(name) else { return nil }
    guard let size = ByteSize.parse(setting.value).flatMap({ Int(exactly: $0) }), size >= 1 << 20 else {
      throw ShipFileError(
        "\(setting.origin): \(name) takes a size of at least 1M, like 256M or 2G, not '\(setting.value)'")
    }
    return size
  }

  func choice<Value: RawRepresentable & CaseIterable>(
    _ name: String, _ type: Value.Type
  ) throws(ShipFileError) -> Value? where Value.RawValue == String {
    guard let setting = setting(name) else { return nil }
    guard let value = Value(rawValue: setting.value) else {
      let known = Value.allCases.map(\.rawValue)
      let suggestion = Spelling.suggestion(setting.value, among: known)
      throw ShipFileError(
        "\(setting.origin): \(name) is one of \(known.joined(separator: ", ")), not '\(setting.value)'\(suggestion)")
    }
    return value
  }

  func stream(_ words: [String]) throws(ShipFileError) -> StreamTemplate? {
    guard let setting = setting("stream") else { return nil }
    do throws(LogError) { return try StreamTemplate(setting.value, words: words) } catch {
      throw ShipFileError("\(setting.origin): \(error.message)")
    }
  }
}
