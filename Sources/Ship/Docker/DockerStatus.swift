internal import LogsText
internal import LogsWire

/// What happened to a container, as an entry of kind `status`.
struct DockerStatus {
  var id: String
  var action: String
  /// In ns since 1970.
  var time: Int64
  /// How the container is now: `Up`, `Exited (1)`.
  var status = ""
  var exitCode: Int64?
  /// Why the action failed; nil if it did not.
  var error: String?

  init(id: String, action: String, time: Int64, error: String? = nil) {
    self.id = id
    self.action = action
    self.time = time
    self.error = error
  }

  static func death(_ id: String, _ time: Int64, _ exitCode: Int64?) -> DockerStatus {
    var status = DockerStatus(id: id, action: "die", time: time)
    status.exitCode = exitCode
    status.status = exitCode.map { "Exited (\($0))" } ?? "Exited"
    if let exitCode, exitCode != 0 { status.error = "exit code \(exitCode)" }
    return status
  }

  /// - Parameter time: of the first line that the engine still has.
  static func rotation(_ id: String, _ time: Int64) -> DockerStatus {
    DockerStatus(
      id: id, action: "rotate", time: time,
      error: """
        lines before this may be missing: the engine has rotated them away before they were read; of a line of more \
        than 16 KiB the end alone may follow
        """)
  }

  /// - Parameter container: what the first entry says of it.
  func entry(like lines: LinePipeline.Configuration, about container: DockerContainer? = nil) -> LogEntry {
    let outcome = error.map { "failed: \($0.isEmpty ? "Unknown error" : $0)" } ?? "successful"
    var attributes = [
      LogAttribute("container.id", .string(id)), LogAttribute("action", .string(action)),
      LogAttribute("success", .boolean(error == nil)),
    ]
    if !status.isEmpty { attributes.append(LogAttribute("status", .string(status))) }
    if let error { attributes.append(LogAttribute("error", .string(error.isEmpty ? "Unknown error" : error))) }
    if let exitCode { attributes.append(LogAttribute("exit_code", .integer(exitCode))) }
    if let container { attributes += container.attributes }
    return LogEntry(
      message: ByteString("--- Container \(action) action \(outcome) ---"), time: time,
      severity: error == nil ? .info : .error, source: lines.source, attributes: attributes + lines.attributes,
      kind: .status
    ).fitted()
  }
}

/// A line of the engine's `/events`.
struct DockerEvent {
  /// Of Podman's names for what the engine calls otherwise.
  private static let names = ["died": "die", "remove": "destroy"]
  /// Attributes of events that are no labels.
  private static let ownKeys: Set<String> = [
    "image", "name", "exitCode", "containerExitCode", "signal", "oldName", "execDuration", "execID", "podId",
  ]

  /// The container, as far as the event tells.
  let container: DockerContainer
  /// What it says; nil for an action that changes no state.
  let status: DockerStatus?
  let time: Int64
  private let action: String

  /// - Returns: nil for what is no event of a container.
  init?(_ line: ArraySlice<UInt8>) {
    guard let object = JSONObject(ByteString([UInt8](line)).span), let actor = object["Actor"]?.members,
      let id = actor["ID"]?.text, object["Type"]?.text ?? "container" == "container",
      let named = object["Action"]?.text ?? object["status"]?.text
    else { return nil }
    var time: Int64 = 0
    if case .integer(let seconds) = object["time"] { time = seconds.multipliedReportingOverflow(by: 1_000_000_000).0 }
    if case .integer(let nanoseconds) = object["timeNano"], nanoseconds > 0 { time = nanoseconds }
    let facts = actor["Attributes"]?.members ?? []
    var container = DockerContainer(id: id, name: facts["name"]?.text ?? id, image: facts["image"]?.text ?? "")
    container.labels = facts.filter { !Self.ownKeys.contains($0.key) }
    self.container = container
    self.time = time
    // `health_status: healthy`
    let words = named.split(separator: ":", maxSplits: 1)
    let word = words.first.map(String.init) ?? named
    let detail = words.count > 1 ? words[1].drop { $0 == " " } : ""
    action = Self.names[word] ?? word
    let exitCode = (facts["exitCode"] ?? facts["containerExitCode"])?.text.flatMap { Int64($0) }
    status = Self.status(id, action, time, String(detail), exitCode)
  }

  var begins: Bool { ["start", "restart", "unpause"].contains(action) }
  var destroys: Bool { action == "destroy" }

  /// The same for the same event, however often it comes.
  var hash: UInt64 {
    ShippedLines.hash(
      ByteString("\(container.id) \(action) \(status?.error ?? "") \(status?.status ?? "")"), byteCount: 0)
  }

  private static func status(
    _ id: String, _ action: String, _ time: Int64, _ detail: String, _ exitCode: Int64?
  ) -> DockerStatus? {
    var status = DockerStatus(id: id, action: action, time: time)
    switch action {
    case "create": status.status = "Created"
    case "start", "restart": status.status = "Up"
    case "stop": status.status = "Stopped"
    case "destroy": status.status = "Removed"
    case "die": return .death(id, time, exitCode)
    case "oom": status.error = "out of memory"
    case "health_status":
      status.status = detail.isEmpty ? "Up" : "Up (\(detail))"
      if detail == "unhealthy" { status.error = detail }
    default: return nil
    }
    return status
  }
}

/// Answers of an engine in JSON.
enum JSONText {
  /// What an error says; nil if it is none.
  static func message(_ bytes: [UInt8]) -> String? { JSONObject(ByteString(bytes).span)?["message"]?.text }

  /// A time in an object, in ns since 1970; nil if there is none.
  static func time(_ bytes: [UInt8], _ key: String) -> Int64? {
    guard let text = JSONObject(ByteString(bytes).span)?[key]?.text else { return nil }
    return EngineTime.parse(Array(text.utf8)[...])?.nanoseconds
  }

  /// The objects of an array; nil if it is none.
  static func list(_ bytes: [UInt8]) -> [[LogAttribute]]? {
    let object = JSONObject(ByteString(Array("{\"list\":".utf8) + bytes + [UInt8(ascii: "}")]).span)
    guard case .list(let values) = object?["list"] else { return nil }
    return values.compactMap(\.members)
  }
}

extension DockerContainer {
  /// From the body of an answer to `/containers/ID/json`; nil if it is none.
  init?(answer: [UInt8]) {
    guard let object = JSONObject(ByteString(answer).span) else { return nil }
    self.init(inspected: object)
  }
}
