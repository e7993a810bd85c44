internal import LogsWire

/// Attributes as people read them: `ms=1250 sql="select 1" list=[1,2]`.
///
/// Always in one line and harmless on a terminal: control characters are shown as escapes.
enum AttributeText {
  static func append(_ attribute: LogAttribute, to output: inout [UInt8]) {
    append(escaped: attribute.key, to: &output)
    output.append(UInt8(ascii: "="))
    append(attribute.value, to: &output)
  }

  static func append(_ value: AttributeValue, to output: inout [UInt8]) {
    switch value {
    case .empty: output.append("null")
    case .string(let text):
      if isPlain(text) { return output.append(contentsOf: text.utf8) }
      output.append(UInt8(ascii: "\""))
      append(escaped: text, quotes: true, to: &output)
      output.append(UInt8(ascii: "\""))
    case .boolean(let flag): output.append(flag ? "true" : "false")
    case .integer(let number): output.appendNumber(number)
    case .double(let number): output.append(contentsOf: "\(number)".utf8)
    case .list(let values):
      output.append(UInt8(ascii: "["))
      for (index, value) in values.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        append(value, to: &output)
      }
      output.append(UInt8(ascii: "]"))
    case .map(let members):
      output.append(UInt8(ascii: "{"))
      for (index, member) in members.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        append(escaped: member.key, to: &output)
        output.append(UInt8(ascii: ":"))
        append(member.value, to: &output)
      }
      output.append(UInt8(ascii: "}"))
    case .bytes(let bytes):
      output.append("0x")
      for byte in bytes.array {
        for digit in [byte >> 4, byte & 15] {
          output.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
      }
    }
  }

  /// Whether a string needs no quotes.
  private static func isPlain(_ text: String) -> Bool {
    if text.isEmpty { return false }
    return text.unicodeScalars.allSatisfy {
      switch $0 {
      case " ", "\"", "\\", "=", ",", "[", "]", "{", "}": false
      default: PrintableText.isHarmless($0) && $0 != "\t"
      }
    }
  }

  /// - Parameter quotes: whether quotes, backslashes and tabs are escaped, too.
  static func append(escaped text: String, quotes: Bool = false, to output: inout [UInt8]) {
    if !quotes, text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return output.append(contentsOf: text.utf8) }
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\t" where !quotes: output.append(0x09)
      case "\"" where quotes, "\\" where quotes:
        output.append(UInt8(ascii: "\\"))
        output.append(UInt8(truncatingIfNeeded: scalar.value))
      case let scalar where !PrintableText.isHarmless(scalar) || scalar == "\t":
        output.append(contentsOf: PrintableText.escape(scalar).utf8)
      default: UTF8.encode(scalar).map { output.append(contentsOf: $0) }
      }
    }
  }
}
