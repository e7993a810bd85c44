internal import LogsClient
internal import LogsText
internal import LogsWire

/// Prints entries in the chosen format; nothing else depends on it.
struct EntryWriter {
  enum Format: String, CaseIterable {
    case short, full, json
    case jsonPretty = "json-pretty"
    case raw, cat, logfmt, csv
  }

  private let format: Format
  private var line: ShortLine
  private var json: JSONWriter
  private var csv: CSVLine
  /// Instead of a format.
  private let template: EntryTemplate?
  private let zone: ShownZone
  /// Whether the time stands before each line of `cat` and `raw`.
  private let showsTime: Bool
  /// The part written last, if its line continues in another entry.
  private var openPart: (part: LinePart, stream: StreamName)?
  /// What to show in another color; nil for nothing.
  private let highlighter: FilterHighlighter?

  init(
    format: Format, zone: ShownZone, usesColor: Bool, namesStreams: Bool, filter: Filter? = nil,
    template: EntryTemplate? = nil, columns: [EntryField]? = nil, showsTime: Bool = false
  ) {
    self.format = format
    self.template = template
    self.showsTime = showsTime
    self.zone = zone
    json = JSONWriter(isPretty: format == .jsonPretty)
    csv = CSVLine(columns ?? CSVLine.usualFields)
    highlighter = format == .short && usesColor ? filter.flatMap(FilterHighlighter.init) : nil
    line = ShortLine(zone: zone, usesColor: usesColor, namesStream: namesStreams)
  }

  static let options =
    [
      Option(
        "output", ["o"], form: "FORMAT",
        help: """
          short (default), full (everything, in several lines), json (one object a line), json-pretty, logfmt, csv, \
          cat (the message alone, as one line) or raw (the bytes of the message, escape sequences included; the parts \
          of a split line are joined)
          """),
      Option(
        "template", form: "TEXT",
        help: "a line for each entry, like '{time} {level} {message} {attr.user}'; {{ is a brace"),
      Option("columns", form: "A,B", help: "these fields of each entry, with tabs between them, or as csv"),
      Option("timestamps", ["t"], help: "the time before each line of cat and raw"),
      Option("color", form: "WHEN", help: "auto (default), always or never"),
      Option("no-color", help: "the same as --color never"),
    ] + TimeZoneOption.all

  /// - Parameter filter: what was searched for, to show it in another color.
  init(_ arguments: Arguments, namesStreams: Bool, filter: Filter?) throws(CommandError) {
    let format = try Self.format(arguments)
    let columns = try Self.columns(arguments)
    var template: EntryTemplate?
    if let text = arguments.value("template") { template = try EntryTemplate(text) }
    if template != nil, columns != nil || arguments.has("output") {
      throw .usage("--template says all of the form: leave out \(columns != nil ? "--columns" : "-o")")
    }
    if let columns, format != .csv {
      if arguments.has("output") { throw .usage("--columns goes with -o csv, or without -o") }
      template = EntryTemplate(columns)
    }
    self.init(
      format: format, zone: try TimeZoneOption.zone(arguments) ?? .local, usesColor: try Terminal.usesColor(arguments),
      namesStreams: namesStreams, filter: filter, template: template, columns: columns,
      showsTime: arguments.has("timestamps"))
  }

  static func format(_ arguments: Arguments) throws(CommandError) -> Format {
    guard let text = arguments.value("output") else { return .short }
    if ["jsonl", "ndjson"].contains(text) { return .json }
    guard let format = Format(rawValue: text) else {
      let names = Format.allCases.map(\.rawValue)
      throw .usage("-o takes \(names.joined(separator: ", ")), not '\(text)'\(Spelling.suggestion(text, among: names))")
    }
    return format
  }

  private static func columns(_ arguments: Arguments) throws(CommandError) -> [EntryField]? {
    guard let text = arguments.value("columns") else { return nil }
    var fields: [EntryField] = []
    for name in text.split(separator: ",", omittingEmptySubsequences: false) {
      fields.append(try EntryField(String(name)))
    }
    return fields
  }

  /// Appends the entry's line.
  ///
  /// - Parameter isContext: whether it only stands near one that was searched for.
  mutating func append(
    _ entry: LogEntry, of stream: StreamName, isContext: Bool = false, to output: inout [UInt8]
  ) {
    if let template { return template.append(entry, of: stream, zone, to: &output) }
    switch format {
    case .raw:
      // It seals the stream and is not a line that somebody pushed.
      if entry.kind == .complete { return }
      writeRaw(entry, of: stream, to: &output)
    case .cat:
      appendTime(of: entry, to: &output)
      PrintableText.append(entry.message, to: &output)
      output.append(UInt8(ascii: "\n"))
    case .json, .jsonPretty:
      json.removeAll()
      json.entry(entry, of: stream, isContext: isContext)
      json.newline()
      output.append(contentsOf: json.bytes)
    case .full: FullLines.append(entry, of: stream, to: &output)
    case .logfmt: LogfmtLine.append(entry, of: stream, to: &output)
    case .csv: csv.append(entry, of: stream, zone, to: &output)
    case .short:
      let matches = isContext ? [] : highlighter?.ranges(in: entry.message) ?? []
      line.append(entry, of: stream, matches: matches, to: &output)
    }
  }

  private func appendTime(of entry: LogEntry, to output: inout [UInt8]) {
    guard showsTime else { return }
    output.append(contentsOf: "\(Timestamp.short(entry.effectiveTime, zone: zone)) ".utf8)
  }

  /// Appends what stands between groups of entries that do not follow each other.
  func appendSeparator(to output: inout [UInt8]) {
    if format == .short || format == .cat, template == nil { output.append(contentsOf: "--\n".utf8) }
  }

  /// Joins the parts of a split line that directly follow each other; after anything in between, the next part begins
  /// a new line.
  private mutating func writeRaw(_ entry: LogEntry, of stream: StreamName, to output: inout [UInt8]) {
    let part = LinePart(entry.attributes)
    if let open = openPart, part?.continues(open.part) != true || stream != open.stream {
      output.append(UInt8(ascii: "\n"))
      openPart = nil
    }
    if openPart == nil { appendTime(of: entry, to: &output) }
    unsafe entry.message.withUnsafeBytes { unsafe output.append(contentsOf: $0) }
    if let part, !part.isLast {
      openPart = (part, stream)
    } else {
      output.append(UInt8(ascii: "\n"))
      openPart = nil
    }
  }
}
