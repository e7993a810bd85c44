internal import LogsWire

/// Writes the fields of entries as bare text, before any quoting.
struct FieldText {
  enum Style {
    /// Times as in short, text in one line with escapes.
    case people
    /// Times in RFC 3339, text as it is, lists and maps as JSON; bytes that are not UTF-8 become U+FFFD.
    case programs
  }

  private let style: Style
  private let escapesText: Bool
  private var clock: ClockText
  private var json = JSONWriter()

  /// - Parameter escapesText: whether text is in one line with escapes all the same, for a terminal.
  init(_ style: Style, zone: ShownZone, escapesText: Bool = false) {
    self.style = style
    self.escapesText = escapesText || style == .people
    clock = ClockText(zone)
  }

  /// Appends the value; nothing for a field that the entry lacks.
  mutating func append(_ field: EntryField, of entry: LogEntry, in stream: StreamName, to output: inout [UInt8]) {
    switch field {
    case .time: append(time: entry.effectiveTime, to: &output)
    case .received: append(time: entry.received, to: &output)
    case .stream: output.append(contentsOf: stream.text.utf8)
    case .seq: output.appendNumber(entry.sequence)
    case .level: output.append(entry.severity.levelName)
    case .severity: output.appendNumber(UInt64(entry.severity.number))
    case .source: append(text: entry.source, to: &output)
    case .message: append(text: entry.message, to: &output)
    case .kind: output.append(entry.kind.name)
    case .attributes: append(entry.attributes, to: &output)
    case .attribute(let key): if let value = entry.attributes.value(key) { append(value, to: &output) }
    }
  }

  private mutating func append(time: Int64, to output: inout [UInt8]) {
    switch style {
    case .people: clock.appendShort(time, to: &output)
    case .programs: clock.appendRFC3339(time, to: &output)
    }
  }

  private func append(text: ByteString, to output: inout [UInt8]) {
    if escapesText { return PrintableText.append(text, to: &output) }
    output.append(contentsOf: text.text.utf8)
  }

  private mutating func append(_ attributes: [LogAttribute], to output: inout [UInt8]) {
    if attributes.isEmpty { return }
    switch style {
    case .people:
      for (index, attribute) in attributes.enumerated() {
        if index > 0 { output.append(UInt8(ascii: " ")) }
        AttributeText.append(attribute, to: &output)
      }
    case .programs:
      json.removeAll()
      json.attributes(attributes)
      output.append(contentsOf: json.bytes)
    }
  }

  mutating func append(_ value: AttributeValue, to output: inout [UInt8]) {
    switch value {
    case .empty: break
    case .string(let text):
      if escapesText { PrintableText.append(text, to: &output) } else { output.append(contentsOf: text.utf8) }
    case .bytes(let bytes): append(text: bytes, to: &output)
    case .boolean, .integer, .double: AttributeText.append(value, to: &output)
    case .list, .map:
      if style == .people { return AttributeText.append(value, to: &output) }
      json.removeAll()
      json.value(value)
      output.append(contentsOf: json.bytes)
    }
  }
}
