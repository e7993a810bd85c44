internal import LogsClient
internal import LogsText
internal import LogsWire

/// A property of an entry that a template or a column can show.
enum EntryField: Hashable {
  case time, received, level, severity, stream, seq, source, message, kind, attributes
  /// One attribute, by its name, or by several with dots for one inside of others.
  case attribute(String)

  static let names = [
    "time", "received", "level", "severity", "stream", "seq", "source", "message", "kind", "attributes", "attr.NAME",
  ]

  init(_ name: String) throws(CommandError) {
    switch name {
    case "time": self = .time
    case "received": self = .received
    case "level": self = .level
    case "severity": self = .severity
    case "stream": self = .stream
    case "seq": self = .seq
    case "source": self = .source
    case "message": self = .message
    case "kind": self = .kind
    case "attributes": self = .attributes
    case _ where name.hasPrefix("attr.") && name.count > 5: self = .attribute(String(name.dropFirst(5)))
    default:
      let hint = Spelling.suggestion(name, among: Self.names)
      throw .usage("there is no field '\(name)'\(hint); there are \(Self.names.joined(separator: ", "))")
    }
  }

  var name: String {
    switch self {
    case .time: "time"
    case .received: "received"
    case .level: "level"
    case .severity: "severity"
    case .stream: "stream"
    case .seq: "seq"
    case .source: "source"
    case .message: "message"
    case .kind: "kind"
    case .attributes: "attributes"
    case .attribute(let name): "attr.\(name)"
    }
  }

  /// The field's text, not escaped; empty where the entry has none.
  func text(_ entry: LogEntry, of stream: StreamName, _ zone: ShownZone) -> String {
    switch self {
    case .time: Timestamp.short(entry.effectiveTime, zone: zone)
    case .received: Timestamp.short(entry.received, zone: zone)
    case .level: entry.severity == .unspecified ? "" : ShortLine.name(of: entry.severity).lowercased()
    case .severity: "\(entry.severity.number)"
    case .stream: stream.text
    case .seq: "\(entry.sequence)"
    case .source: entry.source.text
    case .message: entry.message.text
    case .kind: entry.kind.description
    case .attributes: entry.attributes.isEmpty ? "" : Self.json(entry.attributes)
    case .attribute(let name): Self.value(name, in: entry.attributes).map(Self.text) ?? ""
    }
  }

  private static func json(_ attributes: [LogAttribute]) -> String {
    var json = JSONWriter()
    json.attributes(attributes)
    return String(decoding: json.bytes, as: UTF8.self)
  }

  private static func text(_ value: AttributeValue) -> String {
    switch value {
    case .string(let text): text
    case .bytes(let bytes): bytes.text
    default: EntryLine.text(value)
    }
  }

  /// An attribute of the whole name, else one inside of others.
  private static func value(_ name: String, in attributes: [LogAttribute]) -> AttributeValue? {
    if let found = attributes.first(where: { $0.key == name }) { return found.value }
    for attribute in attributes where name.hasPrefix("\(attribute.key).") {
      guard case .map(let members) = attribute.value else { continue }
      let rest = String(name.dropFirst(attribute.key.count + 1))
      if let found = value(rest, in: members) { return found }
    }
    return nil
  }
}
