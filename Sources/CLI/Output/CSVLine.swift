internal import LogsText
internal import LogsWire

/// Entries as comma-separated values (RFC 4180), with a line of names first. Lines end with a newline alone.
struct CSVLine {
  static let usualFields: [EntryField] = [.stream, .seq, .time, .level, .source, .message, .attributes]

  private let fields: [EntryField]
  private var isFirst = true

  init(_ fields: [EntryField]) { self.fields = fields }

  mutating func append(_ entry: LogEntry, of stream: StreamName, _ zone: ShownZone, to output: inout [UInt8]) {
    if isFirst { line(fields.map(\.name), to: &output) }
    isFirst = false
    line(fields.map { $0.text(entry, of: stream, zone) }, to: &output)
  }

  private func line(_ values: [String], to output: inout [UInt8]) {
    for (index, value) in values.enumerated() {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      let isPlain = value.utf8.allSatisfy { !Self.special.contains($0) }
      if !isPlain { output.append(UInt8(ascii: "\"")) }
      for byte in value.utf8 {
        if byte == UInt8(ascii: "\"") { output.append(byte) }
        output.append(byte)
      }
      if !isPlain { output.append(UInt8(ascii: "\"")) }
    }
    output.append(UInt8(ascii: "\n"))
  }

  private static let special = Array(",\"\n\r".utf8)
}
