package import LogsWire

extension JSONWriter {
  /// Writes an entry as an object, the same for all programs that print or serve entries.
  ///
  /// - Parameter isContext: whether it only stands near one that was searched for.
  package mutating func entry(_ entry: LogEntry, of stream: StreamName, isContext: Bool = false) {
    object { json in
      json.key(quoted: #""stream":"#)
      json.string(stream.text)
      json.key(quoted: #""seq":"#)
      json.number(entry.sequence)
      json.key(quoted: #""time":"#)
      if entry.time == 0 { json.null() } else { json.time(entry.time) }
      json.key(quoted: #""received":"#)
      json.time(entry.received)
      json.key(quoted: #""severity":"#)
      json.number(UInt64(entry.severity.number))
      json.key(quoted: #""level":"#)
      json.string(entry.severity.description)
      json.key(quoted: #""source":"#)
      json.string(entry.source)
      json.key(quoted: #""message":"#)
      json.string(entry.message)
      json.key(quoted: #""attributes":"#)
      json.attributes(entry.attributes)
      json.key(quoted: #""kind":"#)
      json.string(plain: entry.kind.name)
      if isContext {
        json.key(quoted: #""context":"#)
        json.boolean(true)
      }
    }
  }

  package mutating func attributes(_ attributes: [LogAttribute]) {
    object { json in
      for attribute in attributes {
        json.key(attribute.key)
        json.value(attribute.value)
      }
    }
  }

  package mutating func value(_ value: AttributeValue) {
    switch value {
    case .empty: null()
    case .string(let text): string(text)
    case .boolean(let flag): boolean(flag)
    case .integer(let integer): number(integer)
    case .double(let double): number(double)
    case .list(let values): array { json in for value in values { json.value(value) } }
    case .map(let members): attributes(members)
    case .bytes(let bytes): string(bytes)
    }
  }
}

extension LogEntry.Kind {
  /// The same as `description`, without a string.
  var name: StaticString {
    switch self {
    case .log: "log"
    case .status: "status"
    case .complete: "complete"
    }
  }
}
