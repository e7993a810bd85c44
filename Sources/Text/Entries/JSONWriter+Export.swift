package import LogsWire

/// The keys of objects that stand for a value of an attribute that JSON has no form for (`docs/export.md`).
enum ExportTag: String {
  case bytes = "$bytes"
  case double = "$double"
  /// A map whose only key is one of these.
  case map = "$map"
}

extension JSONWriter {
  /// Writes an entry as an object from which `ExportedEntry` reads the same entry again.
  package mutating func exported(_ entry: LogEntry, of stream: StreamName) {
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
      json.text(entry.source, #""source":"#, else: #""source_base64":"#)
      json.text(entry.message, #""message":"#, else: #""message_base64":"#)
      json.key(quoted: #""attributes":"#)
      json.exported(entry.attributes)
      json.key(quoted: #""kind":"#)
      json.string(plain: entry.kind.name)
    }
  }

  /// Attributes in the form that `exported(_:of:)` gives them.
  package mutating func exported(_ attributes: [LogAttribute]) {
    object { json in
      for attribute in attributes {
        json.key(attribute.key)
        json.exported(attribute.value)
      }
    }
  }

  private mutating func exported(_ value: AttributeValue) {
    switch value {
    case .double(let number) where !number.isFinite: tagged(.double) { $0.string(Self.name(of: number)) }
    case .bytes(let bytes): tagged(.bytes) { $0.string(Base64.encode(bytes)) }
    case .list(let values): array { json in for value in values { json.exported(value) } }
    case .map(let members):
      if members.count == 1, ExportTag(rawValue: members[0].key) != nil {
        tagged(.map) { $0.exported(members) }
      } else {
        exported(members)
      }
    case .empty, .string, .boolean, .integer, .double: self.value(value)
    }
  }

  private mutating func tagged(_ tag: ExportTag, _ body: (inout JSONWriter) -> Void) {
    object { json in
      json.key(tag.rawValue)
      body(&json)
    }
  }

  /// NaNs differ in their bits.
  private static func name(of number: Double) -> String {
    number.isNaN ? "0x\(number.bitPattern.hexadecimal)" : "\(number)"
  }

  private mutating func text(_ bytes: ByteString, _ key: StaticString, else other: StaticString) {
    if bytes.isText {
      self.key(quoted: key)
      string(bytes)
    } else {
      self.key(quoted: other)
      string(Base64.encode(bytes))
    }
  }
}

extension ByteString {
  /// Whether it is UTF-8.
  package var isText: Bool {
    unsafe withUnsafeBytes { unsafe PrintableText.isPlain($0) || String(validating: $0, as: UTF8.self) != nil }
  }
}
