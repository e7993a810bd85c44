package import LogsWire

/// An entry as one line for people, with everything in it:
/// `2026-01-10T12:00:00.123456789Z WARN web: slow query ms=1250 sql="select 1"`.
///
/// Always one line and harmless on a terminal: control characters are shown as escapes.
package enum EntryLine {
  package static func bytes(of entry: LogEntry) -> [UInt8] {
    var line: [UInt8] = []
    append(entry, to: &line)
    line.append(UInt8(ascii: "\n"))
    return line
  }

  /// The line without its newline.
  package static func text(of entry: LogEntry) -> String { string { append(entry, to: &$0) } }

  package static func text(_ attribute: LogAttribute) -> String { string { AttributeText.append(attribute, to: &$0) } }

  package static func text(_ value: AttributeValue) -> String { string { AttributeText.append(value, to: &$0) } }

  private static func append(_ entry: LogEntry, to line: inout [UInt8]) {
    var clock = ClockText(.utc)
    clock.appendRFC3339(entry.effectiveTime, to: &line)
    if entry.severity != .unspecified { line.append(contentsOf: " \(entry.severity.description.uppercased())".utf8) }
    line.append(UInt8(ascii: " "))
    if !entry.source.isEmpty {
      AttributeText.append(escaped: entry.source.text, to: &line)
      line.append(": ")
    }
    AttributeText.append(escaped: entry.text, to: &line)
    for attribute in entry.attributes {
      line.append(UInt8(ascii: " "))
      AttributeText.append(attribute, to: &line)
    }
  }

  private static func string(_ body: (inout [UInt8]) -> Void) -> String {
    var bytes: [UInt8] = []
    body(&bytes)
    return String(decoding: bytes, as: UTF8.self)
  }
}
