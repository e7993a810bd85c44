internal import LogsText
internal import LogsWire

/// As `logs follow -o json` writes entries, without the stream.
extension LogEntry: Codable {
  private enum Key: String, CodingKey {
    case sequence = "seq"
    case time, received, severity, level, source, message, attributes, kind
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(sequence, forKey: .sequence)
    try container.encode(time == 0 ? nil : Timestamp.rfc3339(time), forKey: .time)
    try container.encode(Timestamp.rfc3339(received), forKey: .received)
    try container.encode(severity, forKey: .severity)
    try container.encode(severity.description, forKey: .level)
    try container.encode(source.text, forKey: .source)
    try container.encode(message.text, forKey: .message)
    try container.encode(LogAttributes(attributes), forKey: .attributes)
    try container.encode("\(kind)", forKey: .kind)
  }

  /// Only the message is required.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    let kind = try container.decodeIfPresent(String.self, forKey: .kind) ?? "log"
    guard let kind = Kind(named: kind) else {
      throw DecodingError.dataCorruptedError(forKey: .kind, in: container, debugDescription: "'\(kind)' is no kind")
    }
    self.init(
      message: ByteString(try container.decode(String.self, forKey: .message)),
      time: try container.time(.time),
      severity: try container.decodeIfPresent(LogSeverity.self, forKey: .severity) ?? .unspecified,
      source: ByteString(try container.decodeIfPresent(String.self, forKey: .source) ?? ""),
      attributes: try container.decodeIfPresent(LogAttributes.self, forKey: .attributes) ?? [:], kind: kind)
    sequence = try container.decodeIfPresent(UInt64.self, forKey: .sequence) ?? 0
    received = try container.time(.received)
  }
}

/// As `logs follow -o json` writes entries. The incarnation is not included: a decoded entry has `.any`.
extension StreamEntry: Codable {
  private enum Key: String, CodingKey { case stream }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(stream, forKey: .stream)
    try entry.encode(to: encoder)
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    self.init(
      stream: try container.decode(StreamName.self, forKey: .stream), incarnation: .any,
      entry: try LogEntry(from: decoder))
  }
}

/// As `logs streams -o json` writes them.
extension StreamSummary: Codable {
  private enum Key: String, CodingKey {
    case name, incarnation, first, last, entries, bytes
    case lastReceived = "last_received"
    case state
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(stream, forKey: .name)
    try container.encode(incarnation, forKey: .incarnation)
    try container.encode(first, forKey: .first)
    try container.encode(head, forKey: .last)
    try container.encode(entryCount, forKey: .entries)
    try container.encode(byteCount, forKey: .bytes)
    try container.encode(lastReceived == 0 ? nil : Timestamp.rfc3339(lastReceived), forKey: .lastReceived)
    try container.encode(isSealed ? "sealed" : "open", forKey: .state)
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    self.init(
      stream: try container.decode(StreamName.self, forKey: .name),
      incarnation: try container.decode(Incarnation.self, forKey: .incarnation),
      first: try container.decode(UInt64.self, forKey: .first), head: try container.decode(UInt64.self, forKey: .last),
      entryCount: try container.decode(UInt64.self, forKey: .entries),
      byteCount: try container.decode(UInt64.self, forKey: .bytes), lastReceived: try container.time(.lastReceived),
      isSealed: try container.decode(String.self, forKey: .state) == "sealed")
  }
}

extension LogEntry.Kind {
  fileprivate init?(named name: String) {
    switch name {
    case "log": self = .log
    case "status": self = .status
    case "complete": self = .complete
    default: return nil
    }
  }
}

extension KeyedDecodingContainer {
  /// A time in the form of RFC 3339; 0 for none.
  fileprivate func time(_ key: Key) throws -> Int64 {
    guard let text = try decodeIfPresent(String.self, forKey: key) else { return 0 }
    guard text.contains("T"), let time = TimeText.parse(text, now: 0) else {
      throw DecodingError.dataCorruptedError(
        forKey: key, in: self, debugDescription: "'\(text)' is no time like 2026-01-10T12:00:00Z")
    }
    return time
  }
}
