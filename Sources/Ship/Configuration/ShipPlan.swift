internal import Glibc
internal import LogsClient
internal import LogsText
internal import LogsWire

/// What a configuration says: how the shipper works, and what it reads.
package struct ShipPlan: Sendable {
  package enum SourcePlan: Sendable {
    case files(FileSourceConfiguration)
    case docker(DockerSourceConfiguration)
    case journal(JournalConfiguration)
    case command(ProcessConfiguration)
  }

  package var shipper: ShipperConfiguration
  package var host: String
  package var sources: [SourcePlan] = []

  /// A plan without sources, and without a log of its own.
  package init(stateDirectory: String) {
    shipper = ShipperConfiguration(stateDirectory: stateDirectory)
    host = Self.machineName
  }

  /// - Throws: `ShipFileError`.
  package init(_ file: ShipFile, stateDirectory: String?) throws(ShipFileError) {
    let settings = try ShipSettings(file.settings, of: ShipSetting.shipper, what: "the shipper")
    guard let state = settings.value("state") ?? stateDirectory, !state.isEmpty else {
      throw ShipFileError("the shipper needs a directory for its state: --state DIR, or 'state = DIR'")
    }
    shipper = ShipperConfiguration(stateDirectory: state)
    host = settings.value("host") ?? Self.machineName
    if let commit = try settings.choice("commit", SpoolConfiguration.Commit.self) { shipper.commit = commit }
    if shipper.commit == .server { shipper.spoolByteCountMax = ShipperConfiguration.memoryByteCountMax }
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
    if runsCommand, shipper.commit == .server {
      throw ShipFileError(
        """
        commit = server keeps entries in memory and reads sources again after a crash, which no command's output can \
        be: leave it out, or let the command write a file and ship that
        """)
    }
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
    switch section.kind {
    case "docker": return .docker(try docker(section, settings, lines))
    case "journal": return .journal(try journal(section, settings, lines))
    case "command": return .command(try command(section, settings, lines, host: host))
    default: return .files(try files(section, settings, lines))
    }
  }

  private static func files(
    _ section: ShipFile.Section, _ settings: ShipSettings, _ lines: LinePipeline.Configuration
  ) throws(ShipFileError) -> FileSourceConfiguration {
    let directory = FileGlob.workingDirectory
    let globs = settings.values("path").map { FileGlob($0, workingDirectory: directory) }
    guard !globs.isEmpty else {
      throw ShipFileError("\(section.origin): the source '\(section.name)' needs a path, such as path = /var/log/*.log")
    }
    var configuration = FileSourceConfiguration(name: section.name, globs: globs, lines: lines)
    configuration.excluded = settings.values("exclude").map { FileGlob($0, workingDirectory: directory) }
    if let stream = try settings.stream(FileSourceConfiguration.streamWords) {
      configuration.stream = stream
    }
    if let start = try settings.choice("start", FileSourceConfiguration.Start.self) { configuration.start = start }
    configuration.readsArchives = try settings.flag("archives") ?? false
    configuration.polls = try settings.flag("poll") ?? false
    if let wait = try settings.time("line-wait") { configuration.lineWait = wait }
    configuration.rate = try rate(settings)
    return configuration
  }

  private static func docker(
    _ section: ShipFile.Section, _ settings: ShipSettings, _ lines: LinePipeline.Configuration
  ) throws(ShipFileError) -> DockerSourceConfiguration {
    var configuration = DockerSourceConfiguration(name: section.name, lines: lines)
    if let setting = settings.setting("address") {
      do throws(DockerFailure) { configuration.address = try DockerAddress.parse(setting.value) } catch {
        throw ShipFileError("\(setting.origin): \(error)")
      }
    }
    configuration.names = settings.values("container")
    configuration.images = settings.values("image")
    configuration.labels = settings.values("label")
    if let stream = try settings.stream(DockerSourceConfiguration.streamWords) { configuration.stream = stream }
    configuration.completesRemoved = try settings.flag("complete-removed") ?? false
    if let setting = settings.setting("containers") {
      guard let count = Int(setting.value), (1...10_000).contains(count) else {
        throw ShipFileError("\(setting.origin): containers takes a number from 1 to 10000, not '\(setting.value)'")
      }
      configuration.containerCountMax = count
    }
    configuration.rate = try rate(settings)
    return configuration
  }

  private static func journal(
    _ section: ShipFile.Section, _ settings: ShipSettings, _ lines: LinePipeline.Configuration
  ) throws(ShipFileError) -> JournalConfiguration {
    var configuration = JournalConfiguration(name: section.name)
    configuration.lines = lines
    configuration.directory = settings.value("directory")
    configuration.units = settings.values("unit")
    configuration.matches = settings.values("match")
    configuration.rate = try rate(settings)
    configuration.isOfThisBoot = try settings.flag("this-boot") ?? false
    if let stream = try settings.stream(JournalConfiguration.streamWords) { configuration.stream = stream }
    do throws(JournalProblem) { try configuration.check() } catch {
      throw ShipFileError("\(section.origin): \(error)")
    }
    return configuration
  }

  private static func command(
    _ section: ShipFile.Section, _ settings: ShipSettings, _ lines: LinePipeline.Configuration, host: String
  ) throws(ShipFileError) -> ProcessConfiguration {
    let words = settings.values("run")
    guard let program = words.first else { throw ShipFileError("\(section.origin): a command is missing") }
    let name = String(program.split(separator: "/").last ?? "command")
    let template = try settings.stream(["name", "host"])
    let stream = template?.stream { $0 == "name" ? name : host } ?? StreamTemplate.valid("command/\(name)")
    var configuration = ProcessConfiguration(name: name, command: words, stream: stream)
    configuration.lines = lines
    return configuration
  }

  /// Whether a command is run, with whose end the shipper ends.
  package var runsCommand: Bool {
    sources.contains { if case .command = $0 { true } else { false } }
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
    lines.grouping = try grouping(settings)
    lines.rules = try rules(settings)
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

  private static func grouping(_ settings: ShipSettings) throws(ShipFileError) -> LineGrouping {
    guard let setting = settings.setting("multiline") else { return .traces }
    switch setting.value {
    case "none": return .none
    case "traces": return .traces
    case "no", "off", "false": throw ShipFileError("\(setting.origin): did you mean multiline = none?")
    case "trace", "yes", "on", "true", "auto":
      throw ShipFileError("\(setting.origin): did you mean multiline = traces?")
    default: return .start(try expression(setting.value, setting))
    }
  }

  private static func rules(_ settings: ShipSettings) throws(ShipFileError) -> LineRules {
    var rules = LineRules()
    for setting in settings.all("drop") { rules.drops.append(try expression(setting.value, setting)) }
    for setting in settings.all("mask") {
      guard let arrow = setting.value.firstRange(of: "=>") else {
        throw ShipFileError("\(setting.origin): a mask is written EXPRESSION => TEXT, not '\(setting.value)'")
      }
      let (pattern, text) = (setting.value[..<arrow.lowerBound], setting.value[arrow.upperBound...])
      let found = try expression(ShipFile.trimmed(pattern), setting)
      do throws(LineExpression.Problem) {
        rules.masks.append(try LineMask(found, replacement: ShipFile.trimmed(text)))
      } catch { throw ShipFileError("\(setting.origin): \(error)") }
    }
    return rules
  }

  private static func expression(
    _ pattern: String, _ setting: ShipFile.Setting
  ) throws(ShipFileError) -> LineExpression {
    do throws(LineExpression.Problem) { return try LineExpression(pattern) } catch {
      throw ShipFileError("\(setting.origin): \(error)")
    }
  }
}

extension ShipPlan.SourcePlan {
  /// The same for what is read once: what is not there yet is not waited for.
  package var withoutWaiting: Self {
    switch self {
    case .files(var configuration):
      configuration.lineWait = .zero
      return .files(configuration)
    case .docker(var configuration):
      configuration.follows = false
      return .docker(configuration)
    case .journal, .command: return self
    }
  }

  /// A source that reads so.
  ///
  /// - Parameter onEnd: called with the exit code of a command that has ended.
  /// - Throws: `ShipFileError` if this machine has nothing of the kind.
  package func source(
    host: String, onEnd: @escaping @Sendable (Int32) -> Void = { _ in }
  ) throws(ShipFileError) -> any Source {
    switch self {
    case .files(let configuration): return FileSource(configuration, host: host)
    case .docker(let configuration): return DockerSource(configuration)
    case .journal(let configuration):
      do throws(JournalProblem) { return try JournalSource(configuration, host: host) } catch {
        throw ShipFileError("\(configuration.name): \(error)")
      }
    case .command(let configuration): return ProcessSource(configuration, onEnd: onEnd)
    }
  }
}
