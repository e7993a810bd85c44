package import LogsWire

extension JSONWriter {
  /// Writes an entry as an object, the same for all programs that print or serve entries.
  ///
  /// - Parameter isContext: whether it only stands near one that was searched for.
  package mutating func entry(_ entry: LogEntry, of stream: StreamName, isContext: Bool = false) {
    object { json in
      json.key("stream")
      json.string(stream.text)
      json.key("seq")
      json.number(entry.sequence)
      json.key("time")
      if entry.time == 0 { json.null() } else { json.time(entry.time) }
      json.key("received")
      json.time(entry.received)
      json.key("severity")
      json.number(UInt64(entry.severity.number))
      json.key("level")
      json.string("\(entry.severity)")
      json.key("source")
      json.string(entry.source.text)
      json.key("message")
      json.string(entry.message.text)
      json.key("attributes")
      json.attributes(entry.attributes)
      json.key("kind")
      json.string("\(entry.kind)")
      if isContext {
        json.key("context")
        json.boolean(true)
      }
    }
  }

  /// A time in nanoseconds since 1970, as text.
  package mutating func time(_ nanoseconds: Int64) { string(Timestamp.rfc3339(nanoseconds)) }

  package mutating func attributes(_ attributes: [LogAttribute]) {
    object { json in
      for attribute in attributes {
        json.key(attribute.key)
        json.value(attribute.value)
      }
    }
  }

  private mutating func value(_ value: AttributeValue) {
    switch value {
    case .empty: null()
    case .string(let text): string(text)
    case .boolean(let flag): boolean(flag)
    case .integer(let integer): number(integer)
    case .double(let double): number(double)
    case .list(let values): array { json in for value in values { json.value(value) } }
    case .map(let members): attributes(members)
    case .bytes(let bytes): string(bytes.text)
    }
  }
}
