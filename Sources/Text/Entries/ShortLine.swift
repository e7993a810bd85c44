package import LogsWire

/// An entry as one line for people who watch: `2026-01-10 12:00:00.123 web WARN  api: slow query ms=1250`.
///
/// The names of streams and levels are columns as wide as what has been shown so far, up to a limit.
///
/// Always one line and harmless on a terminal: control characters are shown as escapes.
package struct ShortLine: Sendable {
  private let usesColor: Bool
  private let namesStream: Bool
  private var clock: ClockText
  private var streamWidth = 0
  private var levelWidth = 0

  /// Longer names of streams move what is behind them.
  private static let streamWidthMax = 24
  /// `ERROR`, `FATAL`; `NOTICE` is rare.
  private static let levelWidthMax = 5

  package init(zone: ShownZone, usesColor: Bool, namesStream: Bool) {
    clock = ClockText(zone)
    self.usesColor = usesColor
    self.namesStream = namesStream
  }

  private enum Color {
    static let dim = "\u{1b}[2m"
    static let bold = "\u{1b}[1;31m"
    static let red = "\u{1b}[31m"
    /// Dark enough for a light ground.
    static let yellow = "\u{1b}[38;5;136m"
    static let cyan = "\u{1b}[36m"
    static let green = "\u{1b}[32m"
    /// For names; all can be read on dark and light.
    static let names = [31, 37, 64, 97, 130, 133].map { "\u{1b}[38;5;\($0)m" }
    static let match = "\u{1b}[1;31m"
    static let reset = "\u{1b}[0m"
  }

  /// - Parameter matches: parts of the message to show in another color, in ascending order.
  package mutating func append(
    _ entry: LogEntry, of stream: StreamName, matches: [Range<Int>] = [], to output: inout [UInt8]
  ) {
    func colored(_ text: String, _ color: String?) {
      guard usesColor, let color else { return output.append(contentsOf: text.utf8) }
      output.append(contentsOf: color.utf8)
      output.append(contentsOf: text.utf8)
      output.append(contentsOf: Color.reset.utf8)
    }
    func space() { output.append(UInt8(ascii: " ")) }

    if usesColor { output.append(contentsOf: Color.dim.utf8) }
    clock.appendShort(entry.effectiveTime, to: &output)
    if usesColor { output.append(contentsOf: Color.reset.utf8) }
    space()
    func pad(_ count: Int, to width: Int) { for _ in count..<max(width, count) { space() } }
    if namesStream {
      let count = stream.text.utf8.count
      streamWidth = max(streamWidth, min(count, Self.streamWidthMax))
      colored(stream.text, Self.color(of: stream.text.utf8))
      pad(count, to: streamWidth)
      space()
    }
    if entry.severity != .unspecified || levelWidth > 0 {
      let name = entry.severity == .unspecified ? "" : Self.name(of: entry.severity)
      levelWidth = Self.levelWidthMax
      if !name.isEmpty { colored(name, Self.color(of: entry.severity)) }
      pad(name.utf8.count, to: levelWidth)
      space()
    }
    if !entry.source.isEmpty {
      if usesColor { output.append(contentsOf: Self.color(of: entry.source.array).utf8) }
      PrintableText.append(entry.source, to: &output)
      if usesColor { output.append(contentsOf: Color.reset.utf8) }
      output.append(contentsOf: ": ".utf8)
    }
    if entry.kind != .log { colored("[\(entry.kind.description)] ", Color.cyan) }
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
      colored(entry.attributes.map(EntryLine.text).joined(separator: " "), Color.dim)
    }
    output.append(UInt8(ascii: "\n"))
  }

  /// `NOTICE` has no range of its own, and keeps its name.
  package static func name(of severity: LogSeverity) -> String {
    severity.number == 10 ? "NOTICE" : severity.description.uppercased()
  }

  private static func color(of severity: LogSeverity) -> String? {
    switch severity.number {
    case 0...8: Color.dim
    case 9: Color.green
    case 10...12: Color.cyan
    case 13...16: Color.yellow
    case 17...20: Color.red
    default: Color.bold
    }
  }

  /// The same for the same name, whatever else is shown (FNV-1a).
  private static func color(of name: some Sequence<UInt8>) -> String {
    let hash = name.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
    return Color.names[Int(hash % UInt32(Color.names.count))]
  }
}
