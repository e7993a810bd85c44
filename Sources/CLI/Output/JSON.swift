internal import LogsClient
internal import LogsWire

/// Writes JSON (RFC 8259), keys in the order in which they are written.
struct JSON {
  private(set) var bytes: [UInt8] = []
  private var needsComma = false

  mutating func object(_ body: (inout JSON) -> Void) { nested(UInt8(ascii: "{"), UInt8(ascii: "}"), body) }

  mutating func array(_ body: (inout JSON) -> Void) { nested(UInt8(ascii: "["), UInt8(ascii: "]"), body) }

  mutating func key(_ name: String) {
    string(name)
    bytes.append(UInt8(ascii: ":"))
    needsComma = false
  }

  private static let hexadecimal = Array("0123456789abcdef".utf8)

  /// Escapes more than JSON asks for: it may be shown on a terminal.
  mutating func string(_ text: String) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": bytes.append(contentsOf: #"\""#.utf8)
      case "\\": bytes.append(contentsOf: #"\\"#.utf8)
      case "\n": bytes.append(contentsOf: #"\n"#.utf8)
      case "\r": bytes.append(contentsOf: #"\r"#.utf8)
      case "\t": bytes.append(contentsOf: #"\t"#.utf8)
      case let scalar where !PrintableText.isHarmless(scalar):
        // All of them are below U+10000: one escape is enough.
        bytes.append(contentsOf: #"\u"#.utf8)
        for shift in [12, 8, 4, 0] { bytes.append(Self.hexadecimal[Int(scalar.value >> shift & 15)]) }
      default: bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  mutating func number(_ value: UInt64) { literal(String(value)) }
  mutating func number(_ value: Int64) { literal(String(value)) }

  /// JSON has no infinities and no NaN; they become strings.
  mutating func number(_ value: Double) { if value.isFinite { literal("\(value)") } else { string("\(value)") } }

  mutating func boolean(_ value: Bool) { literal(value ? "true" : "false") }

  mutating func null() { literal("null") }

  mutating func newline() {
    bytes.append(UInt8(ascii: "\n"))
    needsComma = false
  }

  mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    needsComma = false
  }

  private mutating func literal(_ text: String) {
    separate()
    bytes.append(contentsOf: text.utf8)
  }

  private mutating func separate() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = true
  }

  private mutating func nested(_ open: UInt8, _ close: UInt8, _ body: (inout JSON) -> Void) {
    separate()
    bytes.append(open)
    needsComma = false
    body(&self)
    bytes.append(close)
    needsComma = true
  }
}

extension JSON {
  mutating func attributes(_ attributes: [LogAttribute]) {
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
