internal import LogsText
internal import LogsWire

/// Which members an entry has as JSON. The others have the words of the clients that they are for.
enum EntryView: String, CaseIterable {
  /// All that an entry has, as `logs query -o json`.
  case log
  /// An app's log on a phone: `type, level, source, message, context, timestamp`.
  case mobile
  /// Steps of a long task: `id, step_name, log_type, message, created_at, progress_percentage, metadata`.
  case task
  /// Lines of a container, `container_id, timestamp, line`, and what happens to it.
  case container

  static func parse(_ text: String) throws(HTTPProblem) -> EntryView {
    guard let view = EntryView(rawValue: text) else {
      let names = allCases.map(\.rawValue).joined(separator: ", ")
      throw HTTPProblem(400, "view takes one of \(names), not '\(text)'")
    }
    return view
  }

  /// What is left out unless the client has a filter of its own; nil if nothing is.
  var filter: String? {
    switch self {
    // Lines without a level are shown, too.
    case .mobile: "NOT (level>=trace level<info)"
    case .log, .task, .container: nil
    }
  }

  func write(_ entry: LogEntry, of origin: EntryOrigin, to json: inout JSONWriter) {
    switch self {
    case .log: json.entry(entry, of: origin.stream)
    case .mobile: Self.writeMobile(entry, of: origin, to: &json)
    case .task: Self.writeTask(entry, of: origin, to: &json)
    case .container where entry.kind == .status: Self.writeLifecycle(entry, of: origin, to: &json)
    case .container: Self.writeLine(entry, of: origin, to: &json)
    }
  }
}

/// The stream that an entry comes from, and what its entries need that they do not hold.
struct EntryOrigin: Hashable {
  let stream: StreamName
  let incarnation: Incarnation
  let store: InstanceID
  /// Whose they are in the view `container`; nil if no status entry says so.
  var container: ContainerName?

  /// Takes the container that a status entry names, if it is later than the one that is known.
  mutating func learn(_ entry: LogEntry) {
    guard entry.kind == .status, entry.sequence > container?.sequence ?? 0 else { return }
    if let id = EntryView.containerID(of: entry) { container = ContainerName(id: id, sequence: entry.sequence) }
  }

  /// A UUID (version 8) that no other entry has: 60 bits stand for store and incarnation, 62 are the number.
  func identifier(of sequence: UInt64) -> String {
    var writer = ByteWriter(capacity: 24)
    for part in [store.high, store.low, incarnation.value] { writer.append(u64: part) }
    let place = XXH3.hash(writer.span)
    let high = place & ~0xf000 | 0x8000
    let low = sequence & (1 << 62 - 1) | 1 << 63
    let digits = high.hexadecimal + low.hexadecimal
    return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(Array(digits)[$0]) }.joined(separator: "-")
  }
}

/// The container of a stream.
struct ContainerName: Hashable {
  let id: String
  /// The number of the status entry that names it.
  let sequence: UInt64
}

extension EntryView {
  /// Such clients know four levels.
  private static func mobileLevel(_ severity: LogSeverity) -> StaticString {
    if severity >= .error { return "ERROR" }
    if severity >= .warning { return "WARNING" }
    if severity >= .info || severity == .unspecified { return "INFO" }
    return "DEBUG"
  }

  private static func writeMobile(_ entry: LogEntry, of origin: EntryOrigin, to json: inout JSONWriter) {
    json.object { json in
      json.key(quoted: #""type":"#)
      json.string(plain: "log")
      json.key(quoted: #""level":"#)
      json.string(plain: mobileLevel(entry.severity))
      json.key(quoted: #""source":"#)
      writeSource(entry, of: origin, to: &json)
      json.key(quoted: #""message":"#)
      json.string(entry.message)
      json.key(quoted: #""context":"#)
      json.attributes(entry.attributes)
      json.key(quoted: #""timestamp":"#)
      json.time(entry.effectiveTime)
    }
  }

  private static func writeSource(_ entry: LogEntry, of origin: EntryOrigin, to json: inout JSONWriter) {
    if entry.source.isEmpty { json.string(origin.stream.text) } else { json.string(entry.source) }
  }
}

extension EntryView {
  static let logTypeKey = "log_type"
  static let progressKey = "progress_percentage"

  /// The log type of an entry without the attribute.
  static func logType(_ severity: LogSeverity) -> StaticString { severity >= .error ? "error" : "info" }

  static func logType(of entry: LogEntry) -> String {
    if case .string(let type)? = entry.attributes.first(where: { $0.key == logTypeKey })?.value { return type }
    return "\(logType(entry.severity))"
  }

  /// Entries of a log type, by their attribute or else their level.
  static func filter(logType: String) -> String {
    let named = "\(logTypeKey):\(EntryTerms.quoted(logType))"
    switch logType {
    case "error": return "(\(named) OR (-\(logTypeKey):* level>=error))"
    case "info": return "(\(named) OR (-\(logTypeKey):* -level>=error))"
    default: return named
    }
  }

  private static func writeTask(_ entry: LogEntry, of origin: EntryOrigin, to json: inout JSONWriter) {
    var metadata = entry.attributes
    let type = metadata.takeFirst(logTypeKey)
    let progress = metadata.takeFirst(progressKey)
    json.object { json in
      json.key(quoted: #""id":"#)
      json.string(origin.identifier(of: entry.sequence))
      json.key(quoted: #""step_name":"#)
      writeSource(entry, of: origin, to: &json)
      json.key(quoted: #""log_type":"#)
      if case .string(let type) = type { json.string(type) } else { json.string(plain: logType(entry.severity)) }
      json.key(quoted: #""message":"#)
      json.string(entry.message)
      json.key(quoted: #""created_at":"#)
      json.time(entry.effectiveTime)
      json.key(quoted: #""progress_percentage":"#)
      json.value(progress ?? .empty)
      json.key(quoted: #""metadata":"#)
      json.attributes(metadata)
    }
  }
}

extension EntryView {
  private static let containerKey = "container.id"

  static func containerID(of entry: LogEntry) -> String? {
    guard case .string(let id)? = entry.attributes.first(where: { $0.key == containerKey })?.value else { return nil }
    return id
  }

  /// The attribute, that of the stream's latest status entry, or else the last part of the stream's name.
  private static func writeContainerID(_ entry: LogEntry, of origin: EntryOrigin, to json: inout JSONWriter) {
    json.key(quoted: #""container_id":"#)
    let name = origin.stream.text.split(separator: "/").last ?? ""
    json.string(containerID(of: entry) ?? origin.container?.id ?? String(name))
  }

  private static func writeLine(_ entry: LogEntry, of origin: EntryOrigin, to json: inout JSONWriter) {
    json.object { json in
      writeContainerID(entry, of: origin, to: &json)
      json.key(quoted: #""timestamp":"#)
      json.time(entry.effectiveTime)
      json.key(quoted: #""line":"#)
      json.string(entry.message)
    }
  }

  /// What its source did: the words are attributes of the entry, and null where it has none.
  private static func writeLifecycle(_ entry: LogEntry, of origin: EntryOrigin, to json: inout JSONWriter) {
    json.object { json in
      writeContainerID(entry, of: origin, to: &json)
      for key in ["status", "action"] {
        json.key(key)
        json.value(entry.attributes.first { $0.key == key }?.value ?? .empty)
      }
      json.key(quoted: #""timestamp":"#)
      json.time(entry.effectiveTime)
      json.key(quoted: #""success":"#)
      json.value(entry.attributes.first { $0.key == "success" }?.value ?? .boolean(entry.severity < .error))
      if let error = entry.attributes.first(where: { $0.key == "error" })?.value {
        json.key(quoted: #""error":"#)
        json.value(error)
      }
    }
  }
}

extension [LogAttribute] {
  /// Removes the first attribute of a name.
  fileprivate mutating func takeFirst(_ key: String) -> AttributeValue? {
    guard let index = firstIndex(where: { $0.key == key }) else { return nil }
    return remove(at: index).value
  }
}
