package import LogsWire

/// An entry as one line for people who watch: `2026-01-10 12:00:00.123 web WARN  api: slow query ms=1250`.
///
/// Harmless on a terminal, since control characters are shown as escapes, and one line everywhere else. Columns are as
/// wide as what they have held so far, up to a limit; so they only grow.
package struct ShortLine: EntryOutput {
  private let look: ShortLook
  private var clock: ClockText
  private var text: FieldText
  /// The widths of the columns so far, for each field.
  private var widths: [Int]
  /// Of the entry before, on a terminal.
  private var day: (day: Int64, offset: Int)?
  /// How the stream of the entry before is shown.
  private var streamLook: (stream: StreamName, color: StaticString)?
  /// The message and what follows it, before it is laid out on a terminal.
  private var laidOut: [UInt8] = []

  /// Wider values are shown whole, and what follows them is not aligned.
  private static let columnWidthMax = 24
  /// `ERROR`, `FATAL`: what most streams hold sooner or later.
  private static let levelWidthMin = 5
  /// `2026-01-10 12:00:00.123`
  private static let timeWidth = 23

  package init(_ look: ShortLook) {
    self.look = look
    clock = ClockText(look.zone)
    text = FieldText(.people, zone: look.zone)
    widths = look.fields.map { _ in 0 }
  }

  package var groupSeparator: String { "--\n" }

  package mutating func append(
    _ entry: LogEntry, of stream: StreamName, matches: [Range<Int>], isContext: Bool, to output: inout [UInt8]
  ) {
    if look.columnCount != nil { appendDay(of: entry, to: &output) }
    // Spaces are appended before the next value, so that no line ends with them.
    var (column, gap) = (0, 0)
    for index in look.fields.indices {
      if look.fields[index] == .message, let columnCount = look.columnCount?() {
        output.append(spaces: gap)
        layOut(look.fields[index...], entry, stream, matches)
        var fold = LineFold(column: column + gap, screen: columnCount, wraps: look.wraps)
        fold.append(laidOut, to: &output)
        break
      }
      let start = output.count
      output.append(spaces: gap)
      let width = append(index, entry, stream, matches, to: &output)
      if width == 0 {
        output.removeLast(output.count - start)
        if widths[index] > 0 { gap += widths[index] + 1 }
      } else {
        if width > widths[index], isColumn(index) {
          let least = look.fields[index] == .level ? Self.levelWidthMin : 0
          widths[index] = min(max(width, least), Self.columnWidthMax)
        }
        column += gap + width
        gap = max(0, widths[index] - width) + 1
      }
    }
    output.append(UInt8(ascii: "\n"))
  }

  /// Whether what follows a field is aligned.
  private func isColumn(_ index: Int) -> Bool {
    switch look.fields[index] {
    case .message, .attributes, .kind: false
    case .source: !isLabel(index)
    case .time, .received, .stream, .seq, .level, .severity, .attribute: true
    }
  }

  /// Whether a source stands before the message.
  private func isLabel(_ index: Int) -> Bool {
    guard index + 1 < look.fields.count else { return false }
    return look.fields[index + 1] == .message || look.fields[index + 1] == .kind
  }

  /// Appends a field and measures it.
  ///
  /// - Returns: 0 if the entry lacks it; then nothing was appended that counts.
  private mutating func append(
    _ index: Int, _ entry: LogEntry, _ stream: StreamName, _ matches: [Range<Int>], to output: inout [UInt8]
  ) -> Int {
    let field = look.fields[index]
    let color = color(of: field, entry, stream)
    if let color { output.append(color) }
    let start = output.count
    switch field {
    case .time: clock.appendShort(entry.effectiveTime, to: &output)
    case .stream: output.append(contentsOf: stream.text.utf8)
    case .level: output.append(entry.severity.capitalName)
    case .kind:
      if entry.kind == .log { return 0 }
      output.append("[")
      output.append(entry.kind.name)
      output.append("]")
    case .message: append(entry.message, matches, to: &output)
    default: text.append(field, of: entry, in: stream, to: &output)
    }
    if output.count == start { return 0 }
    let width = field == .time ? Self.timeWidth : isMeasured(index) ? DisplayWidth.of(output[start...]) : 1
    if color != nil { output.append(Palette.reset) }
    guard field == .source, isLabel(index) else { return width }
    output.append(UInt8(ascii: ":"))
    return width + 1
  }

  /// Only what something is aligned with: a message may be long.
  private func isMeasured(_ index: Int) -> Bool {
    if isColumn(index) { return true }
    switch look.fields[index] {
    case .message, .attributes: return false
    default: return look.columnCount != nil
    }
  }

  private mutating func color(of field: EntryField, _ entry: LogEntry, _ stream: StreamName) -> StaticString? {
    guard look.usesColor else { return nil }
    switch field {
    case .time, .received, .attributes, .attribute, .seq: return Palette.dim
    case .kind: return Palette.kind
    case .level, .severity: return Palette.level(entry.severity)
    case .source: return unsafe entry.source.withUnsafeBytes { unsafe Palette.name($0) }
    case .message: return nil
    case .stream:
      if let streamLook, streamLook.stream == stream { return streamLook.color }
      let color = Palette.name(stream.text.utf8)
      streamLook = (stream, color)
      return color
    }
  }

  private func append(_ message: ByteString, _ matches: [Range<Int>], to output: inout [UInt8]) {
    guard look.usesColor, !matches.isEmpty else {
      return MessageText.append(message, passesColors: look.passesColors, to: &output)
    }
    append(message, 0..<message.count, matches, to: &output)
  }

  /// Appends part of a message.
  private func append(_ message: ByteString, _ part: Range<Int>, _ matches: [Range<Int>], to output: inout [UInt8]) {
    var offset = part.lowerBound
    for match in matches where look.usesColor {
      let match = match.clamped(to: part)
      guard !match.isEmpty else { continue }
      MessageText.append(message[offset..<match.lowerBound], passesColors: look.passesColors, to: &output)
      output.append(Palette.match)
      PrintableText.append(message[match], to: &output)
      output.append(Palette.reset)
      offset = match.upperBound
    }
    MessageText.append(message[offset..<part.upperBound], passesColors: look.passesColors, to: &output)
  }

  // MARK: On a terminal

  /// Fills `laidOut` with the message, its lines apart, and the fields behind it.
  private mutating func layOut(
    _ fields: ArraySlice<EntryField>, _ entry: LogEntry, _ stream: StreamName, _ matches: [Range<Int>]
  ) {
    var laidOut = self.laidOut
    self.laidOut = []
    laidOut.removeAll(keepingCapacity: true)
    for (index, line) in MessageLines(entry.message).enumerated() {
      if index > 0 { laidOut.append(UInt8(ascii: "\n")) }
      append(entry.message, line, matches, to: &laidOut)
    }
    for index in fields.indices.dropFirst() {
      let start = laidOut.count
      if !laidOut.isEmpty { laidOut.append(UInt8(ascii: " ")) }
      if append(index, entry, stream, matches, to: &laidOut) == 0 { laidOut.removeSubrange(start...) }
    }
    self.laidOut = laidOut
  }

  /// Appends a line with the day and the zone where they change; before the first entry if the zone is to be said.
  private mutating func appendDay(of entry: LogEntry, to output: inout [UInt8]) {
    let now = clock.day(of: entry.effectiveTime)
    let last = day
    day = now
    if let last { if last == now { return } } else if !look.saysZone { return }
    if look.usesColor { output.append(Palette.dim) }
    output.append("-- ")
    clock.appendDay(now.day, to: &output)
    output.append(contentsOf: ", times in \(look.zone.text(offset: now.offset)) --".utf8)
    if look.usesColor { output.append(Palette.reset) }
    output.append(UInt8(ascii: "\n"))
  }
}
