package import LogsWire

/// An entry as one line for people, with everything in it:
/// `2026-01-10T12:00:00.123456789Z WARN web: slow query ms=1250 sql="select 1"`.
///
/// Always one line and harmless on a terminal: control characters are shown as escapes.
package enum EntryLine {
  package static func bytes(of entry: LogEntry) -> [UInt8] { Array("\(text(of: entry))\n".utf8) }

  /// The line without its newline.
  package static func text(of entry: LogEntry) -> String {
    var line = Timestamp.rfc3339(entry.effectiveTime)
    if entry.severity != .unspecified { line += " \(entry.severity.description.uppercased())" }
    line += " "
    if !entry.source.isEmpty { line += "\(escaped(entry.source.text)): " }
    line += escaped(entry.text)
    for attribute in entry.attributes { line += " \(text(attribute))" }
    return line
  }

  package static func text(_ attribute: LogAttribute) -> String { "\(escaped(attribute.key))=\(text(attribute.value))" }

  package static func text(_ value: AttributeValue) -> String {
    switch value {
    case .empty: "null"
    case .string(let text): isPlain(text) ? text : "\"\(escaped(text, quotes: true))\""
    case .boolean(let flag): "\(flag)"
    case .integer(let number): "\(number)"
    case .double(let number): "\(number)"
    case .list(let values): "[\(values.map(text).joined(separator: ","))]"
    case .map(let members): "{\(members.map { "\(escaped($0.key)):\(text($0.value))" }.joined(separator: ","))}"
    case .bytes(let bytes): "0x" + bytes.array.map(hexadecimal).joined()
    }
  }

  /// Whether a string needs no quotes.
  private static func isPlain(_ text: String) -> Bool {
    !text.isEmpty
      && text.unicodeScalars.allSatisfy {
        switch $0 {
        case " ", "\"", "\\", "=", ",", "[", "]", "{", "}": false
        default: PrintableText.isHarmless($0) && $0 != "\t"
        }
      }
  }

  private static func escaped(_ text: String, quotes: Bool = false) -> String {
    var escaped = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\n": escaped.append(contentsOf: "\\n".unicodeScalars)
      case "\r": escaped.append(contentsOf: "\\r".unicodeScalars)
      case "\t" where !quotes: escaped.append(scalar)
      case "\"" where quotes, "\\" where quotes:
        escaped.append("\\")
        escaped.append(scalar)
      case let scalar where !PrintableText.isHarmless(scalar) || scalar == "\t":
        escaped.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
      default: escaped.append(scalar)
      }
    }
    return String(escaped)
  }

  private static func hexadecimal(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16)
    return byte < 16 ? "0\(digits)" : digits
  }
}
