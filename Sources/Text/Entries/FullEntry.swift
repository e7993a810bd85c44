package import LogsWire

/// An entry with everything in it, over several lines, an empty one at the end.
package struct FullEntry: EntryOutput {
  private let usesColor: Bool
  private var clock: ClockText

  package init(usesColor: Bool, zone: ShownZone) {
    self.usesColor = usesColor
    clock = ClockText(zone)
  }

  package mutating func append(
    _ entry: LogEntry, of stream: StreamName, matches: [Range<Int>], isContext: Bool, to output: inout [UInt8]
  ) {
    begin(usesColor ? Palette.name(stream.text.utf8) : nil, &output)
    output.append(contentsOf: stream.text.utf8)
    end(&output)
    output.append(UInt8(ascii: " "))
    output.appendNumber(entry.sequence)
    appendName("\n  time      ", to: &output)
    if entry.time == 0 { output.append("-") } else { clock.appendRFC3339(entry.time, to: &output) }
    appendName("\n  received  ", to: &output)
    clock.appendRFC3339(entry.received, to: &output)
    if entry.severity != .unspecified {
      appendName("\n  level     ", to: &output)
      begin(usesColor ? Palette.level(entry.severity) : nil, &output)
      output.append(entry.severity.capitalName)
      end(&output)
      output.append(" (")
      output.appendNumber(UInt64(entry.severity.number))
      output.append(")")
    }
    if !entry.source.isEmpty {
      appendName("\n  source    ", to: &output)
      PrintableText.append(entry.source, to: &output)
    }
    if entry.kind != .log {
      appendName("\n  kind      ", to: &output)
      output.append(entry.kind.name)
    }
    appendName("\n  message   ", to: &output)
    appendLines(of: entry.message, to: &output)
    for attribute in entry.attributes {
      output.append("\n    ")
      AttributeText.append(attribute, to: &output)
    }
    output.append("\n\n")
  }

  /// What is a line in the message is one here; the rest is escaped as everywhere.
  private func appendLines(of message: ByteString, to output: inout [UInt8]) {
    for (index, line) in MessageLines(message, keepsReturn: true).enumerated() {
      if index > 0 { output.append("\n            ") }
      PrintableText.append(message[line], to: &output)
    }
  }

  private func appendName(_ name: StaticString, to output: inout [UInt8]) {
    begin(usesColor ? Palette.dim : nil, &output)
    output.append(name)
    end(&output)
  }

  private func begin(_ color: StaticString?, _ output: inout [UInt8]) { if let color { output.append(color) } }

  private func end(_ output: inout [UInt8]) { if usesColor { output.append(Palette.reset) } }
}
