internal import Glibc
internal import LogsShip
internal import LogsSystem
internal import LogsText
internal import LogsWire

/// What `logs ship check` and `logs ship status` print.
enum ShipReport {
  /// In the directory of the state.
  static let statusName = "status.json"
  private static let byteCountMax = 1 << 20

  static func check(_ plan: ShipPlan) throws {
    try Terminal.write(line: "state in \(plan.shipper.stateDirectory); host.name is \(plan.host)")
    if let stream = plan.shipper.ownStream { try Terminal.write(line: "its own log goes to \(stream)") }
    for source in plan.sources {
      switch source {
      case .files(let configuration):
        let files = configuration.files()
        let count = Figures.count(files.count, "file", "files")
        try Terminal.write(line: "\(configuration.name): \(count) to \(configuration.stream.text)")
        for file in files { try Terminal.write(line: "  \(file)") }
      case .docker(let configuration):
        try Terminal.write(
          line: "\(configuration.name): containers of \(configuration.address) to \(configuration.stream.text)")
      case .journal(let configuration):
        let place = configuration.directory ?? "this machine"
        try Terminal.write(
          line: "\(configuration.name): the journal of \(place) to \(configuration.stream.text)")
      case .command(let configuration):
        try Terminal.write(line: "the output of \(configuration.name) to \(configuration.stream)")
      }
    }
  }

  static func status(of directory: String, _ arguments: Arguments) throws {
    let path = "\(directory)/\(statusName)"
    let content: [UInt8]
    do throws(SystemError) {
      content = try Descriptor.open(path, O_RDONLY).readAll(atMost: byteCountMax)
    } catch {
      throw CommandError("no ship has run with the state in \(directory) (\(error.text)); name another with --state")
    }
    if try arguments.reportFormat() == .json {
      return try Terminal.write(line: String(decoding: content.dropLast(), as: UTF8.self))
    }
    guard let status = unsafe JSONObject(content.span.bytes) else { throw CommandError("\(path) cannot be read") }
    func text(_ key: String) -> String { status[key]?.text ?? "" }
    let process = Int32(text("process")) ?? 0
    let isRunning = process > 0 && (kill(process, 0) == 0 || errno == EPERM)
    try Terminal.write(line: isRunning ? "running, process \(process)" : "not running since \(text("time"))")
    try Terminal.write(
      line: """
        \(text("entries_shipped")) entries shipped, \(text("entries_acknowledged")) acknowledged, \
        \(text("entries_waiting")) wait for the server \
        (\(text("bytes_waiting")) bytes\(text("commit") == "server" ? " in memory" : ""))
        """)
    guard case .list(let sources)? = status["sources"] else { return }
    for case .map(let source) in sources {
      func text(_ key: String) -> String { source.first { $0.key == key }?.value.text ?? "" }
      let behind = text("bytes_behind").isEmpty ? "" : ", \(text("bytes_behind")) bytes to be read"
      let last = text("time_last").isEmpty ? "nothing yet" : "last entry of \(text("time_last"))"
      try Terminal.write(line: "\(text("name")): \(text("readers")) read\(behind), \(last)")
    }
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
