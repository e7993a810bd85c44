package import LogsWire

/// An entry as one line for people who watch: `2026-01-10 12:00:00.123 web WARN api: slow query {"ms":1250}`.
///
/// Always one line and harmless on a terminal: control characters are shown as escapes.
package struct ShortLine: Sendable {
  private let isUTC: Bool
  private let usesColor: Bool
  private let namesStream: Bool

  package init(isUTC: Bool, usesColor: Bool, namesStream: Bool) {
    self.isUTC = isUTC
    self.usesColor = usesColor
    self.namesStream = namesStream
  }

  private enum Color {
    static let dim = "\u{1b}[2m"
    static let red = "\u{1b}[31m"
    static let yellow = "\u{1b}[33m"
    static let cyan = "\u{1b}[36m"
    static let match = "\u{1b}[1;31m"
    static let reset = "\u{1b}[0m"
  }

  /// - Parameter matches: parts of the message to show in another color, in ascending order.
  package func append(
    _ entry: LogEntry, of stream: StreamName, matches: [Range<Int>] = [], to output: inout [UInt8]
  ) {
    func colored(_ text: String, _ color: String?) {
      guard usesColor, let color else { return output.append(contentsOf: text.utf8) }
      output.append(contentsOf: color.utf8)
      output.append(contentsOf: text.utf8)
      output.append(contentsOf: Color.reset.utf8)
    }
    func space() { output.append(UInt8(ascii: " ")) }

    colored(Timestamp.short(entry.effectiveTime, isUTC: isUTC), Color.dim)
    space()
    if namesStream {
      colored(stream.text, Color.cyan)
      space()
    }
    if entry.severity != .unspecified {
      let color: String? = entry.severity >= .error ? Color.red : entry.severity >= .warning ? Color.yellow : nil
      colored("\(entry.severity)".uppercased(), color)
      space()
    }
    if !entry.source.isEmpty {
      PrintableText.append(entry.source, to: &output)
      output.append(contentsOf: ": ".utf8)
    }
    if entry.kind != .log { colored("[\(entry.kind)] ", Color.cyan) }
    var offset = 0
    for match in matches where usesColor {
      PrintableText.append(entry.message[offset..<match.lowerBound], to: &output)
      output.append(contentsOf: Color.match.utf8)
      PrintableText.append(entry.message[match], to: &output)
      output.append(contentsOf: Color.reset.utf8)
      offset = match.upperBound
    }
    PrintableText.append(entry.message[offset..<entry.message.count], to: &output)
    if !entry.attributes.isEmpty {
      space()
      var attributes = JSONWriter()
      attributes.attributes(entry.attributes)
      colored(String(decoding: attributes.bytes, as: UTF8.self), Color.dim)
    }
    output.append(UInt8(ascii: "\n"))
  }
}
