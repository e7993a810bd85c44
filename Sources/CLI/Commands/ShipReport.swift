internal import Glibc
internal import LogsClient
internal import LogsShip
internal import LogsSystem
internal import LogsText
internal import LogsWire

/// What `logs ship check` and `logs ship status` print.
enum ShipReport {
  /// In the directory of the state.
  static let statusName = "status.json"
  private static let byteCountMax = 1 << 20

  /// - Throws: if something that the plan names cannot be read.
  static func check(_ plan: ShipPlan) throws {
    var files = FilesReport(host: plan.host)
    try Terminal.write(line: "state in \(plan.shipper.stateDirectory); host.name is \(plan.host)")
    if plan.shipper.commit == .server {
      try Terminal.write(line: "entries wait in memory; what the server does not acknowledge is read again")
    }
    if let stream = plan.shipper.ownStream { try Terminal.write(line: "its own log goes to \(stream)") }
    for source in plan.sources {
      switch source {
      case .files(let configuration):
        for line in files.lines(of: configuration) { try Terminal.write(line: line) }
      case .docker(let configuration):
        try Terminal.write(
          line: "\(configuration.name): containers of \(configuration.address) to \(configuration.stream.text)")
        for line in rules(configuration.lines) { try Terminal.write(line: line) }
      case .journal(let configuration):
        let place = configuration.directory ?? "this machine"
        try Terminal.write(
          line: "\(configuration.name): the journal of \(place) to \(configuration.stream.text)")
        for line in rules(configuration.lines) { try Terminal.write(line: line) }
      case .command(let configuration):
        try Terminal.write(line: "the output of \(configuration.name) to \(configuration.stream)")
        for line in rules(configuration.lines) { try Terminal.write(line: line) }
      }
    }
    if files.unreadableCount > 0 {
      let count = Figures.count(files.unreadableCount, "file or directory", "files or directories")
      throw CommandError("\(count) cannot be read; run ship as a user who may read them, or leave them out (exclude)")
    }
  }

  /// What becomes of lines before they are entries.
  fileprivate static func rules(_ lines: LinePipeline.Configuration) -> [String] {
    let grouping =
      switch lines.grouping {
      case .none: "none: each line is an entry"
      case .traces: "traces: a stack trace of a known language is one entry"
      case .start(let expression): "an entry begins with a line that matches \(expression.pattern)"
      }
    return ["  multiline: \(grouping)"] + lines.rules.drops.map { "  drop: \($0.pattern)" }
      + lines.rules.masks.map { "  mask: \($0.expression.pattern) => \($0.replacement)" }
  }

  static func status(of directory: String, _ arguments: Arguments) throws {
    let path = "\(directory)/\(statusName)"
    let content: [UInt8]
    do throws(SystemError) {
      content = try Descriptor.open(path, O_RDONLY).readAll(atMost: byteCountMax)
    } catch {
      guard error.number == ENOENT else { throw CommandError("cannot read \(path): \(error.text)") }
      throw CommandError("no ship has run with its state in \(directory); name another with --state or --config")
    }
    if try arguments.reportFormat() == .json {
      return try Terminal.write(line: String(decoding: content.dropLast(), as: UTF8.self))
    }
    guard let status = unsafe JSONObject(content.span.bytes) else {
      throw CommandError("\(path) is not what ship writes")
    }
    func text(_ key: String) -> String { status[key]?.text ?? "" }
    let process = Int32(text("process")) ?? 0
    let isRunning = process > 0 && (kill(process, 0) == 0 || errno == EPERM)
    let state = "state in \(directory)"
    try Terminal.write(
      line: isRunning ? "running, process \(process); \(state)" : "not running since \(text("time")); \(state)")
    let entries = Figures.count(UInt64(text("entries_shipped")) ?? 0, "entry", "entries")
    try Terminal.write(
      line: """
        \(entries) read, \(text("entries_acknowledged")) acknowledged, \(text("entries_refused")) refused and lost, \
        \(text("entries_waiting")) wait for the server \
        (\(text("bytes_waiting")) bytes\(text("commit") == "server" ? " in memory" : ""))
        """)
    if case .list(let held)? = status["held_back"] {
      for case .map(let stream) in held {
        func text(_ key: String) -> String { stream.first { $0.key == key }?.value.text ?? "" }
        try Terminal.write(line: PrintableText.escaped("\(text("stream")) waits: \(text("reason"))"))
      }
    }
    guard case .list(let sources)? = status["sources"] else { return }
    for case .map(let source) in sources {
      func text(_ key: String) -> String { source.first { $0.key == key }?.value.text ?? "" }
      let behind = text("bytes_behind").isEmpty ? "" : ", \(text("bytes_behind")) bytes to be read"
      let lost = ["", "0"].contains(text("files_lost")) ? "" : ", \(text("files_lost")) lost with unread lines"
      let last = text("time_last").isEmpty ? "nothing yet" : "last entry of \(text("time_last"))"
      try Terminal.write(line: "\(text("name")): \(text("readers")) read\(behind)\(lost), \(last)")
    }
  }
}

/// What `check` says of files, over all sources.
private struct FilesReport {
  let host: String
  private(set) var unreadableCount = 0
  /// The sources that read a file, each with its stream.
  private var readings: [OpenFileIdentity: [(source: String, stream: StreamName)]] = [:]

  /// Files by their streams, of templates that are to give each file its own.
  private var namesakes: [StreamName: String] = [:]

  init(host: String) { self.host = host }

  mutating func lines(of source: FileSourceConfiguration) -> [String] {
    let (files, leftOut) = source.files()
    let count = Figures.count(files.count, "file", "files")
    var lines = ["\(source.name): \(count) to \(source.stream.text)"] + ShipReport.rules(source.lines)
    for glob in source.globs where !files.contains(where: { glob.matches($0) }) {
      lines.append("  \(glob.text): " + why(glob))
    }
    for text in leftOut { lines.append("  left out: \(text)") }
    for file in files {
      let stream = source.stream(of: file, host: host)
      var line = "  \(file) to \(stream)" + remark(file, source.name, stream)
      if source.namesFiles {
        if let other = namesakes[stream], other != file { line += ": so does \(other)" }
        namesakes[stream] = namesakes[stream] ?? file
      }
      lines.append(line)
    }
    return lines
  }

  /// Why nothing matches.
  private mutating func why(_ glob: FileGlob) -> String {
    guard let (directory, error) = glob.obstacle else { return "no file yet; what comes is read" }
    if error.number == ENOENT { return "no file yet: there is no \(directory); what comes there is read" }
    unreadableCount += 1
    return "cannot look into \(directory): \(error.text)"
  }

  private mutating func remark(_ file: String, _ source: String, _ stream: StreamName) -> String {
    let identity: OpenFileIdentity?
    do throws(SystemError) { identity = try OpenFileIdentity(of: file) } catch {
      unreadableCount += 1
      return ": cannot be read: \(error.text)"
    }
    guard let identity else { return "" }
    defer { readings[identity, default: []].append((source, stream)) }
    let earlier = readings[identity] ?? []
    if let same = earlier.first(where: { $0.stream == stream }) { return ": read once, by the source \(same.source)" }
    if let other = earlier.first { return ": the source \(other.source) reads it, too, to \(other.stream)" }
    return ""
  }
}

extension AttributeValue {
  /// A value of the status.
  fileprivate var text: String {
    switch self {
    case .string(let text): text
    case .integer(let number): String(number)
    default: ""
    }
  }
}
