package import LogsWire

/// Entries as logfmt: `time=... level=warn stream=web seq=7 source=api msg="slow query" ms=1250`.
///
/// Always one line and harmless on a terminal. Lists and maps are JSON in quotes, so that any reader of logfmt takes
/// them for one value.
package struct LogfmtLine: EntryOutput {
  private let fields: [EntryField]
  private var text: FieldText
  private var json = JSONWriter()

  package static let usualFields: [EntryField] = [
    .time, .level, .stream, .seq, .source, .kind, .message, .attributes,
  ]

  package init(_ fields: [EntryField], zone: ShownZone) {
    self.fields = fields
    text = FieldText(.programs, zone: zone)
  }

  /// A field that the entry lacks is left out, and so is the kind of a log line.
  package mutating func append(
    _ entry: LogEntry, of stream: StreamName, matches: [Range<Int>], isContext: Bool, to output: inout [UInt8]
  ) {
    let start = output.count
    for field in fields {
      switch field {
      case .attributes: for attribute in entry.attributes { append(attribute, from: start, to: &output) }
      case .attribute(let key):
        if let value = entry.attributes.value(key) { append(LogAttribute(key, value), from: start, to: &output) }
      case .level where entry.severity == .unspecified, .source where entry.source.isEmpty,
        .kind where entry.kind == .log:
        break
      default:
        if output.count > start { output.append(UInt8(ascii: " ")) }
        output.append(Self.key(field))
        let valueStart = output.count
        text.append(field, of: entry, in: stream, to: &output)
        quote(&output, from: valueStart)
      }
    }
    output.append(UInt8(ascii: "\n"))
  }

  private static func key(_ field: EntryField) -> StaticString {
    switch field {
    case .time: "time="
    case .received: "received="
    case .level: "level="
    case .severity: "severity="
    case .stream: "stream="
    case .seq: "seq="
    case .source: "source="
    case .message: "msg="
    case .kind: "kind="
    // They go by their own keys.
    case .attributes, .attribute: ""
    }
  }

  private mutating func append(_ attribute: LogAttribute, from start: Int, to output: inout [UInt8]) {
    if output.count > start { output.append(UInt8(ascii: " ")) }
    append(key: attribute.key, to: &output)
    output.append(UInt8(ascii: "="))
    let valueStart = output.count
    if attribute.value == .empty { return output.append("null") }
    text.append(attribute.value, to: &output)
    quote(&output, from: valueStart)
  }

  /// What cannot stand in a key becomes `_`.
  private func append(key: String, to output: inout [UInt8]) {
    if key.utf8.allSatisfy(Self.isBare) { return output.append(contentsOf: key.utf8) }
    for scalar in key.unicodeScalars {
      let isBad = scalar == "=" || scalar == "\"" || scalar.value <= 0x20 || !PrintableText.isHarmless(scalar)
      UTF8.encode(isBad ? "_" : scalar).map { output.append(contentsOf: $0) }
    }
  }

  /// Puts a value at the end of `output` in quotes if it needs them, as `LogfmtReader` reads them.
  private mutating func quote(_ output: inout [UInt8], from start: Int) {
    if output.count > start, output[start...].allSatisfy(Self.isBare) { return }
    json.removeAll()
    json.string(utf8: output[start...])
    output.removeSubrange(start...)
    output.append(contentsOf: json.bytes)
  }

  private static func isBare(_ byte: UInt8) -> Bool {
    byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "=") && byte != UInt8(ascii: "\\")
  }
}
