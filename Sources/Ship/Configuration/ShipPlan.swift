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

  /// - Throws: `ShipFileError` with everything that is wrong.
  package init(_ file: ShipFile, stateDirectory: String?) throws(ShipFileError) {
    let settings = ShipSettings(file.settings, of: ShipSetting.shipper, what: "the shipper")
    let state = settings.value("state") ?? stateDirectory ?? ""
    if state.isEmpty { settings.note("the shipper needs a directory for its state: --state DIR, or 'state = DIR'") }
    shipper = ShipperConfiguration(stateDirectory: state)
    host = settings.value("host") ?? Self.machineName
    if let commit = settings.choice("commit", SpoolConfiguration.Commit.self) { shipper.commit = commit }
    if shipper.commit == .server { shipper.spoolByteCountMax = ShipperConfiguration.memoryByteCountMax }
    if let size = settings.size("spool-size") { shipper.spoolByteCountMax = size }
    if let linger = settings.time("linger") { shipper.linger = linger }
    if let drain = settings.time("drain") { shipper.drainTime = drain }
    shipper.attributes = [LogAttribute("host.name", .string(host))]
    shipper.ownStream = StreamTemplate.valid("ship/\(host)")
    if let setting = settings.setting("own-stream") {
      do throws(LogError) { shipper.ownStream = try StreamName(setting.value) } catch {
        settings.note("\(setting.origin): \(error.message)")
      }
    }
    var problems = file.problems + settings.problems
    if file.sections.isEmpty, problems.isEmpty {
      problems.append("there is nothing to ship: name files with --files, or sources in a configuration")
    }
    for section in file.sections where !section.kind.isEmpty {
      let (source, found) = Self.source(section, host: host)
      problems += found
      if let source { sources.append(source) }
    }
    if runsCommand, shipper.commit == .server {
      problems.append(
        """
        commit = server keeps entries in memory and reads sources again after a crash, which no command's output can \
        be: leave it out, or let the command write a file and ship that
        """)
    }
    guard problems.isEmpty else { throw ShipFileError(problems) }
  }

  private static var machineName: String {
    var bytes = [CChar](repeating: 0, count: 256)
    guard unsafe gethostname(&bytes, bytes.count - 1) == 0 else { return "localhost" }
    return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// - Returns: the source, as far as it is right, and what is wrong with it.
  private static func source(
    _ section: ShipFile.Section, host: String
  ) -> (plan: SourcePlan?, problems: [String]) {
    guard let known = ShipSetting.all(of: section.kind) else {
      let suggestion = Spelling.suggestion(section.kind, among: ShipSetting.kinds)
      let kinds = ShipSetting.kinds.joined(separator: ", ")
      let problem = "\(section.origin): there is no kind of source '\(section.kind)'\(suggestion); there are \(kinds)"
      return (nil, [problem])
    }
    let settings = ShipSettings(section.settings, of: known, what: "a source of kind \(section.kind)")
    let lines = lines(settings, host: host)
    let plan: SourcePlan? =
      switch section.kind {
      case "docker": .docker(docker(section, settings, lines))
      case "journal": .journal(journal(section, settings, lines))
      case "command": command(section, settings, lines, host: host).map { .command($0) }
      default: .files(files(section, settings, lines))
      }
    return (plan, settings.problems)
  }

  private static func files(
    _ section: ShipFile.Section, _ settings: ShipSettings, _ lines: LinePipeline.Configuration
  ) -> FileSourceConfiguration {
    let directory = FileGlob.workingDirectory
    let globs = settings.values("path").map { FileGlob($0, workingDirectory: directory) }
    if globs.isEmpty, !settings.isSaid("path"), !section.hasBadLines {
      settings.note("\(section.origin): the source '\(section.name)' needs a path, such as path = /var/log/*.log")
    }
    var configuration = FileSourceConfiguration(name: section.name, globs: globs, lines: lines)
    configuration.excluded = settings.values("exclude").map { FileGlob($0, workingDirectory: directory) }
    if let stream = settings.stream(FileSourceConfiguration.streamWords) {
      configuration.stream = stream
    }
    if let start = settings.choice("start", FileSourceConfiguration.Start.self) { configuration.start = start }
    configuration.readsArchives = settings.flag("archives") ?? false
    configuration.polls = settings.flag("poll") ?? false
    if let wait = settings.time("line-wait") { configuration.lineWait = wait }
    configuration.rate = rate(settings)
    return configuration
  }

  private static func docker(
    _ section: ShipFile.Section, _ settings: ShipSettings, _ lines: LinePipeline.Configuration
  ) -> DockerSourceConfiguration {
    var configuration = DockerSourceConfiguration(name: section.name, lines: lines)
    if let setting = settings.setting("address") {
      do throws(DockerFailure) { configuration.address = try DockerAddress.parse(setting.value) } catch {
        settings.note("\(setting.origin): \(error)")
      }
    }
    configuration.names = settings.values("container")
    configuration.images = settings.values("image")
    configuration.labels = settings.values("label")
    if let stream = settings.stream(DockerSourceConfiguration.streamWords) { configuration.stream = stream }
    configuration.completesRemoved = settings.flag("complete-removed") ?? false
    if let setting = settings.setting("containers") {
      if let count = Int(setting.value), (1...10_000).contains(count) {
        configuration.containerCountMax = count
      } else {
        settings.note("\(setting.origin): containers takes a number from 1 to 10000, not '\(setting.value)'")
      }
    }
    configuration.rate = rate(settings)
    return configuration
  }

  private static func journal(
    _ section: ShipFile.Section, _ settings: ShipSettings, _ lines: LinePipeline.Configuration
  ) -> JournalConfiguration {
    var configuration = JournalConfiguration(name: section.name)
    configuration.lines = lines
    configuration.directory = settings.value("directory")
    configuration.units = settings.values("unit")
    configuration.matches = settings.values("match")
    configuration.rate = rate(settings)
    configuration.isOfThisBoot = settings.flag("this-boot") ?? false
    if let stream = settings.stream(JournalConfiguration.streamWords) { configuration.stream = stream }
    do throws(JournalProblem) { try configuration.check() } catch {
      settings.note("\(section.origin): \(error)")
    }
    return configuration
  }

  private static func command(
    _ section: ShipFile.Section, _ settings: ShipSettings, _ lines: LinePipeline.Configuration, host: String
  ) -> ProcessConfiguration? {
    let words = settings.values("run")
    guard let program = words.first else {
      settings.note("\(section.origin): a command is missing")
      return nil
    }
    let name = String(program.split(separator: "/").last ?? "command")
    let template = settings.stream(["name", "host"])
    let stream = template?.stream { $0 == "name" ? name : host } ?? StreamTemplate.valid("command/\(name)")
    var configuration = ProcessConfiguration(name: name, command: words, stream: stream)
    configuration.lines = lines
    return configuration
  }

  /// Whether a command is run, with whose end the shipper ends.
  package var runsCommand: Bool {
    sources.contains { if case .command = $0 { true } else { false } }
  }

  private static func rate(_ settings: ShipSettings) -> RateLimit? {
    let excess = settings.choice("over-rate", RateLimit.Excess.self)
    guard let setting = settings.setting("rate") else {
      if let excess = settings.setting("over-rate"), !settings.isSaid("rate") {
        settings.note("\(excess.origin): over-rate says what becomes of lines beyond a rate, and there is no rate")
      }
      return nil
    }
    guard let rate = Int(setting.value), (1...1_000_000_000).contains(rate) else {
      settings.note("\(setting.origin): rate takes a number of lines a second, like 1000, not '\(setting.value)'")
      return nil
    }
    return RateLimit(linesPerSecond: rate, excess: excess ?? .wait)
  }

  private static func lines(_ settings: ShipSettings, host: String) -> LinePipeline.Configuration {
    var lines = LinePipeline.Configuration()
    if let setting = settings.setting("input-zone") {
      if let zone = TimeZoneRule(setting.value) {
        lines.zone = zone
      } else {
        settings.note(
          "\(setting.origin): input-zone takes local, utc, or an offset like +02:00, not '\(setting.value)'")
      }
    }
    if let format = settings.choice("format", LineFormat.self) { lines.format = format }
    if let setting = settings.setting("level") {
      if let severity = LogSeverity(name: setting.value) {
        lines.severity = severity
      } else {
        settings.note("\(setting.origin): '\(setting.value)' is no level")
      }
    }
    if let setting = settings.setting("source") {
      lines.source = ByteString(setting.value)
      if lines.source.count > Limits.sourceByteCountMax {
        settings.note("\(setting.origin): a source has at most \(Limits.sourceByteCountMax) bytes")
      }
    }
    lines.grouping = grouping(settings)
    lines.rules = rules(settings)
    lines.attributes = [LogAttribute("host.name", .string(host))]
    for setting in settings.all("attribute") {
      let parts = setting.value.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty, parts[0].utf8.count <= 255 else {
        settings.note("\(setting.origin): an attribute is written KEY=TEXT, not '\(setting.value)'")
        continue
      }
      lines.attributes.append(LogAttribute(String(parts[0]), .string(String(parts[1]))))
    }
    return lines
  }

  private static func grouping(_ settings: ShipSettings) -> LineGrouping {
    guard let setting = settings.setting("multiline") else { return .traces }
    switch setting.value {
    case "none": return .none
    case "traces": break
    case "no", "off", "false": settings.note("\(setting.origin): did you mean multiline = none?")
    case "trace", "yes", "on", "true", "auto": settings.note("\(setting.origin): did you mean multiline = traces?")
    default: if let first = expression(setting.value, setting, settings) { return .start(first) }
    }
    return .traces
  }

  private static func rules(_ settings: ShipSettings) -> LineRules {
    var rules = LineRules()
    rules.drops = settings.all("drop").compactMap { expression($0.value, $0, settings) }
    for setting in settings.all("mask") {
      guard let arrow = setting.value.firstRange(of: "=>") else {
        settings.note("\(setting.origin): a mask is written EXPRESSION => TEXT, not '\(setting.value)'")
        continue
      }
      let (pattern, text) = (setting.value[..<arrow.lowerBound], setting.value[arrow.upperBound...])
      guard let found = expression(ShipFile.trimmed(pattern), setting, settings) else { continue }
      do throws(LineExpression.Problem) {
        rules.masks.append(try LineMask(found, replacement: ShipFile.trimmed(text)))
      } catch { settings.note("\(setting.origin): \(error)") }
    }
    return rules
  }

  private static func expression(
    _ pattern: String, _ setting: ShipFile.Setting, _ settings: ShipSettings
  ) -> LineExpression? {
    do throws(LineExpression.Problem) { return try LineExpression(pattern) } catch {
      settings.note("\(setting.origin): \(error)")
      return nil
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
