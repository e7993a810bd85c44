@testable import LogsWire

/// Entries as the reference decoder prints them.
enum EntryText {
  /// The first 20, as of a vector.
  ///
  /// - Parameter showsReceived: of batches that say it for each entry.
  static func lines(_ entries: [LogEntry], showsReceived: Bool = false) -> [String] {
    entries.prefix(20).flatMap { lines($0, showsReceived: showsReceived) }
  }

  static func lines(_ entry: LogEntry, showsReceived: Bool = false) -> [String] {
    [
      "  entry \(entry.sequence) time=\(entry.time) severity=\(entry.severity.number) kind=\(entry.kind.rawValue)"
        + " source=\(shown(entry.source.array)) message=\(shown(entry.message.array))"
        + (showsReceived ? " received=\(entry.received)" : "")
    ] + entry.attributes.map { "    \(quoted(Array($0.key.utf8))) = \(value($0.value))" }
  }

  /// The entry lines of a printed batch, without the parts that Swift and Python print differently.
  static func lines(printed text: String) -> [String] {
    text.split(separator: "\n").map(String.init).filter { $0.hasPrefix("  entry ") || $0.hasPrefix("    \"") }
      .map { $0.replacing(/double [^ ]+ \(/) { _ in "double (" } }
  }

  private static func quoted(_ bytes: some Sequence<UInt8>) -> String {
    var text = "\""
    for byte in bytes {
      if (32..<127).contains(byte), byte != UInt8(ascii: "\\"), byte != UInt8(ascii: "\"") {
        text.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        text += "\\x" + hex(UInt64(byte), 2)
      }
    }
    return text + "\""
  }

  private static func shown(_ bytes: [UInt8]) -> String {
    bytes.count <= 200 ? quoted(bytes) : "\(quoted(bytes.prefix(40)))... \(bytes.count) bytes"
  }

  private static func hex(_ number: UInt64, _ digits: Int) -> String {
    let text = String(number, radix: 16)
    return String(repeating: "0", count: digits - text.count) + text
  }

  private static func value(_ value: AttributeValue) -> String {
    switch value {
    case .empty: "empty"
    case .string(let text): "string \(shown(Array(text.utf8)))"
    case .boolean(let flag): "boolean \(flag ? 1 : 0)"
    case .integer(let number): "integer \(number)"
    case .double(let number): "double (0x\(hex(number.bitPattern, 16)))"
    case .list(let values): "[" + values.map { self.value($0) }.joined(separator: ", ") + "]"
    case .map(let members):
      "{" + members.map { "\(quoted(Array($0.key.utf8))): \(self.value($0.value))" }.joined(separator: ", ") + "}"
    case .bytes(let bytes): "bytes \(shown(bytes.array))"
    }
  }
}
