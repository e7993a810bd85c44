internal import LogsClient
internal import LogsText
internal import LogsWire

/// Prints entries in the chosen format; nothing else depends on it.
struct EntryWriter {
  enum Format: String, CaseIterable {
    case short
    case json
    case raw
  }

  private let format: Format
  private let line: ShortLine
  private var json = JSONWriter()
  /// The part written last, if its line continues in another entry.
  private var openPart: (part: LinePart, stream: StreamName)?
  /// What to show in another color; nil for nothing.
  private let highlighter: FilterHighlighter?

  init(format: Format, isUTC: Bool, usesColor: Bool, namesStreams: Bool, filter: Filter? = nil) {
    self.format = format
    highlighter = format == .short && usesColor ? filter.flatMap(FilterHighlighter.init) : nil
    line = ShortLine(isUTC: isUTC, usesColor: usesColor, namesStream: namesStreams)
  }

  static let options = [
    Option(
      "output", ["o"], form: "FORMAT",
      help:
        """
        short (default), json (one object a line) or raw (the bytes of the message, escape sequences included; the \
        parts of a split line are joined)
        """),
    Option("utc", help: "show times in UTC"),
    Option("color", form: "WHEN", help: "auto (default), always or never"),
    Option("no-color", help: "the same as --color never"),
  ]

  /// - Parameter filter: what was searched for, to show it in another color.
  init(_ arguments: Arguments, namesStreams: Bool, filter: Filter?) throws(CommandError) {
    self.init(
      format: try Self.format(arguments), isUTC: arguments.has("utc"), usesColor: try Terminal.usesColor(arguments),
      namesStreams: namesStreams, filter: filter)
  }

  static func format(_ arguments: Arguments) throws(CommandError) -> Format {
    guard let text = arguments.value("output") else { return .short }
    guard let format = Format(rawValue: text) else {
      throw .usage("-o takes \(Format.allCases.map(\.rawValue).joined(separator: ", ")), not '\(text)'")
    }
    return format
  }

  /// Appends the entry's line.
  ///
  /// - Parameter isContext: whether it only stands near one that was searched for.
  mutating func append(
    _ entry: LogEntry, of stream: StreamName, isContext: Bool = false, to output: inout [UInt8]
  ) {
    switch format {
    case .raw:
      // It seals the stream and is not a line that somebody pushed.
      if entry.kind == .complete { return }
      writeRaw(entry, of: stream, to: &output)
    case .json:
      json.removeAll()
      json.entry(entry, of: stream, isContext: isContext)
      json.newline()
      output.append(contentsOf: json.bytes)
    case .short:
      let matches = isContext ? [] : highlighter?.ranges(in: entry.message) ?? []
      line.append(entry, of: stream, matches: matches, to: &output)
    }
  }

  /// Appends what stands between groups of entries that do not follow each other.
  func appendSeparator(to output: inout [UInt8]) {
    switch format {
    case .raw, .json: break
    case .short: output.append(contentsOf: "--\n".utf8)
    }
  }

  /// Joins the parts of a split line that directly follow each other; after anything in between, the next part begins
  /// a new line.
  private mutating func writeRaw(_ entry: LogEntry, of stream: StreamName, to output: inout [UInt8]) {
    let part = LinePart(entry.attributes)
    if let open = openPart, part?.continues(open.part) != true || stream != open.stream {
      output.append(UInt8(ascii: "\n"))
    }
    unsafe entry.message.withUnsafeBytes { unsafe output.append(contentsOf: $0) }
    if let part, !part.isLast {
      openPart = (part, stream)
    } else {
      output.append(UInt8(ascii: "\n"))
      openPart = nil
    }
  }
}
