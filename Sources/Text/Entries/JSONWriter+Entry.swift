package import LogsWire

extension JSONWriter {
  /// What is written where JSON has no form: bytes, infinities, NaN.
  package enum ValueForm: Sendable {
    /// Something for people: text with U+FFFD, and names.
    case shown
    /// Something from which `ExportedEntry` reads the same value again (`docs/export.md`).
    case exact
  }

  /// Writes an entry as an object, the same for all programs that print or serve entries.
  ///
  /// - Parameter isContext: whether it only stands near one that was searched for.
  package mutating func entry(
    _ entry: LogEntry, of stream: StreamName, isContext: Bool = false, form: ValueForm = .shown
  ) {
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
      json.text(entry.source, #""source":"#, exact: #""source_base64":"#, form)
      json.text(entry.message, #""message":"#, exact: #""message_base64":"#, form)
      json.key(quoted: #""attributes":"#)
      json.attributes(entry.attributes, form: form)
      json.key(quoted: #""kind":"#)
      json.string(plain: entry.kind.name)
      if isContext {
        json.key(quoted: #""context":"#)
        json.boolean(true)
      }
    }
  }

  package mutating func attributes(_ attributes: [LogAttribute], form: ValueForm = .shown) {
    object { json in
      for attribute in attributes {
        json.key(attribute.key)
        json.value(attribute.value, form: form)
      }
    }
  }

  package mutating func value(_ value: AttributeValue, form: ValueForm = .shown) {
    if form == .exact, tagged(value) { return }
    switch value {
    case .empty: null()
    case .string(let text): string(text)
    case .boolean(let flag): boolean(flag)
    case .integer(let integer): number(integer)
    case .double(let double): number(double)
    case .list(let values): array { json in for value in values { json.value(value, form: form) } }
    case .map(let members): attributes(members, form: form)
    case .bytes(let bytes): string(bytes)
    }
  }

  private mutating func text(_ bytes: ByteString, _ key: StaticString, exact: StaticString, _ form: ValueForm) {
    if form == .shown || bytes.isText {
      self.key(quoted: key)
      string(bytes)
    } else {
      self.key(quoted: exact)
      string(Base64.encode(bytes))
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
