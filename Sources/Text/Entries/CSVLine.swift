package import LogsWire

/// Entries as comma-separated values (RFC 4180), with a line of names first. Lines end with a newline alone. Attributes
/// in one column are a JSON object.
package struct CSVLine: EntryOutput {
  private let fields: [EntryField]
  private var text: FieldText
  private var isFirst = true

  package static let usualFields: [EntryField] = [.stream, .seq, .time, .level, .source, .message, .attributes]

  /// - Parameter isTerminal: whether control characters are shown as escapes; elsewhere text is what it is.
  package init(_ fields: [EntryField], zone: ShownZone, isTerminal: Bool = false) {
    self.fields = fields
    text = FieldText(.programs, zone: zone, escapesText: isTerminal)
  }

  package mutating func append(
    _ entry: LogEntry, of stream: StreamName, matches: [Range<Int>], isContext: Bool, to output: inout [UInt8]
  ) {
    if isFirst { appendNames(to: &output) }
    isFirst = false
    for (index, field) in fields.enumerated() {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      let start = output.count
      text.append(field, of: entry, in: stream, to: &output)
      Self.quote(&output, from: start)
    }
    output.append(UInt8(ascii: "\n"))
  }

  private func appendNames(to output: inout [UInt8]) {
    for (index, field) in fields.enumerated() {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      let start = output.count
      output.append(contentsOf: field.name.utf8)
      Self.quote(&output, from: start)
    }
    output.append(UInt8(ascii: "\n"))
  }

  /// Puts a value at the end of `output` in quotes if it needs them.
  package static func quote(_ output: inout [UInt8], from start: Int) {
    let needsQuotes = output[start...].contains {
      $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r")
    }
    guard needsQuotes else { return }
    let value = Array(output[start...])
    output.removeSubrange(start...)
    output.append(UInt8(ascii: "\""))
    for byte in value {
      if byte == UInt8(ascii: "\"") { output.append(byte) }
      output.append(byte)
    }
    output.append(UInt8(ascii: "\""))
  }
}
