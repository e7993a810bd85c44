internal import LogsText
internal import LogsWire

/// What an engine tells of a container.
struct DockerContainer {
  var id: String
  var name: String
  var image: String
  var labels: [LogAttribute] = []
  var isRunning = false
  /// Whether its output is a terminal's: one stream without frames.
  var isTerminal = false
  var driver = ""
  /// Whether the engine keeps only the latest of its log, in files that it rotates itself.
  var isRotated = false
  /// In ns since 1970; 0 if it has not happened.
  var started: Int64 = 0
  var finished: Int64 = 0
  var exitCode: Int64 = 0

  init(id: String, name: String, image: String) {
    self.id = id
    self.name = name.hasPrefix("/") ? String(name.dropFirst()) : name
    self.image = image
  }

  /// From an answer to `/containers/ID/json`; nil if it is none.
  init?(inspected object: JSONObject) {
    guard let id = object["Id"]?.text, let config = object["Config"]?.members,
      let state = object["State"]?.members
    else { return nil }
    self.init(id: id, name: object["Name"]?.text ?? "", image: config["Image"]?.text ?? "")
    labels = config["Labels"]?.members ?? []
    isTerminal = config["Tty"] == .boolean(true)
    let log = object["HostConfig"]?.members?["LogConfig"]?.members
    driver = log?["Type"]?.text ?? ""
    switch driver {
    case "journald": isRotated = false
    case "json-file": isRotated = log?["Config"]?.members?["max-size"] != nil
    // Of what other drivers send away the engine keeps a copy as `local` has it.
    default: isRotated = true
    }
    isRunning = state["Running"] == .boolean(true)
    started = state["StartedAt"]?.text.flatMap(Self.time) ?? 0
    finished = state["FinishedAt"]?.text.flatMap(Self.time) ?? 0
    if case .integer(let code) = state["ExitCode"] { exitCode = code }
  }

  /// From an element of the answer to `/containers/json`; nil if it is none.
  init?(listed members: [LogAttribute]) {
    guard let id = members["Id"]?.text else { return nil }
    var name = id
    if case .list(let names) = members["Names"], let first = names.first?.text { name = first }
    self.init(id: id, name: name, image: members["Image"]?.text ?? "")
    labels = members["Labels"]?.members ?? []
    isRunning = members["State"]?.text == "running"
  }

  private static func time(_ text: String) -> Int64? {
    guard let time = EngineTime.parse(Array(text.utf8)[...]), time.nanoseconds > 0 else { return nil }
    return time.nanoseconds
  }

  var shortID: String { String(id.prefix(12)) }
  var project: String? { label("com.docker.compose.project") ?? label("io.podman.compose.project") }
  var service: String? { label("com.docker.compose.service") ?? label("io.podman.compose.service") }

  private func label(_ key: String) -> String? {
    guard let text = labels[key]?.text, !text.isEmpty else { return nil }
    return text
  }

  /// The value of a word of a stream's name.
  func word(_ word: String) -> String {
    switch word {
    case "id": shortID
    case "image": image
    case "service": service ?? name
    case "project": project ?? name
    default: name
    }
  }

  /// What the first status entry of its stream says of it.
  var attributes: [LogAttribute] {
    var attributes = [
      LogAttribute("container.name", .string(name)), LogAttribute("container.image.name", .string(image)),
    ]
    if let project { attributes.append(LogAttribute("compose.project", .string(project))) }
    if let service { attributes.append(LogAttribute("compose.service", .string(service))) }
    if !labels.isEmpty { attributes.append(LogAttribute("container.labels", .map(labels))) }
    return attributes
  }

  func isSelected(by configuration: DockerSourceConfiguration) -> Bool {
    let isNamed = configuration.names.isEmpty || configuration.names.contains { Glob.matches($0, name) }
    let hasImage = configuration.images.isEmpty || configuration.images.contains { Glob.matches($0, image) }
    return isNamed && hasImage
      && configuration.labels.allSatisfy { wanted in
        guard let equals = wanted.firstIndex(of: "=") else { return labels[wanted] != nil }
        return labels[String(wanted[..<equals])]?.text == String(wanted[wanted.index(after: equals)...])
      }
  }
}

/// `*` stands for any run of bytes, `?` for one.
enum Glob {
  static func matches(_ pattern: String, _ text: String) -> Bool {
    let (pattern, text) = (Array(pattern.utf8), Array(text.utf8))
    var (p, t) = (0, 0)
    /// Where to go on with one byte more for the latest star.
    var retry: (p: Int, t: Int)?
    while t < text.count {
      if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
        p += 1
        retry = (p, t)
      } else if p < pattern.count, pattern[p] == UInt8(ascii: "?") || pattern[p] == text[t] {
        p += 1
        t += 1
      } else if let last = retry {
        (p, t) = (last.p, last.t + 1)
        retry = (p, t)
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}

extension AttributeValue {
  var text: String? { if case .string(let text) = self { text } else { nil } }
  var members: [LogAttribute]? { if case .map(let members) = self { members } else { nil } }
}

extension [LogAttribute] {
  subscript(key: String) -> AttributeValue? { first { $0.key == key }?.value }
}
