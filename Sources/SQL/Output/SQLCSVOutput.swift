internal import LogsText
internal import LogsWire

/// Comma-separated values (RFC 4180), with a line of names first. Lines end with a newline alone.
struct SQLCSVOutput: SQLOutput {
  /// Whether control characters are shown as escapes; elsewhere text is what it is.
  let isTerminal: Bool

  func begin(_ columns: [String], to output: inout [UInt8]) { append(columns.map { ByteString($0) }, to: &output) }

  func append(_ row: [SQLValue], to output: inout [UInt8]) { append(row.map(\.text), to: &output) }

  func end(to output: inout [UInt8]) {}

  private func append(_ texts: [ByteString], to output: inout [UInt8]) {
    for (index, text) in texts.enumerated() {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      let start = output.count
      if isTerminal { PrintableText.append(text, to: &output) } else { output += text.array }
      CSVLine.quote(&output, from: start)
    }
    output.append(UInt8(ascii: "\n"))
  }
}
