package import LogsWire

/// The keys of objects that stand for a value of an attribute that JSON has no form for (`docs/export.md`).
enum ExportTag: String {
  case bytes = "$bytes"
  case double = "$double"
  /// A map whose only key is one of these.
  case map = "$map"
}

extension JSONWriter {
  /// Writes a value that needs a tag.
  ///
  /// - Returns: false if it needs none; then nothing is written.
  mutating func tagged(_ value: AttributeValue) -> Bool {
    switch value {
    case .double(let number) where !number.isFinite: write(.double) { $0.string(Self.name(of: number)) }
    case .bytes(let bytes): write(.bytes) { $0.string(Base64.encode(bytes)) }
    case .map(let members) where members.count == 1 && ExportTag(rawValue: members[0].key) != nil:
      write(.map) { $0.attributes(members, form: .exact) }
    case .empty, .string, .boolean, .integer, .double, .list, .map: return false
    }
    return true
  }

  private mutating func write(_ tag: ExportTag, _ body: (inout JSONWriter) -> Void) {
    object { json in
      json.key(tag.rawValue)
      body(&json)
    }
  }

  /// NaNs differ in their bits.
  private static func name(of number: Double) -> String {
    number.isNaN ? "0x\(number.bitPattern.hexadecimal)" : "\(number)"
  }
}

extension ByteString {
  /// Whether it is UTF-8.
  package var isText: Bool {
    unsafe withUnsafeBytes { unsafe PrintableText.isPlain($0) || String(validating: $0, as: UTF8.self) != nil }
  }
}
