internal import LogsClient
internal import LogsText
internal import LogsWire

/// Prints entries in the form that the flags ask for; nothing else depends on it.
struct EntryWriter {
  private var form: any EntryOutput
  /// What to show in another color; nil for nothing.
  private var highlighter: FilterHighlighter?

  /// - Parameters:
  ///   - filter: what was searched for, to show it in another color, and in any form.
  ///   - columnCount: how many columns the terminal has; nil if output goes elsewhere.
  init(
    _ arguments: Arguments, namesStreams: Bool, filter: Filter?,
    columnCount: (@Sendable () -> Int)? = Terminal.screen
  ) throws(CommandError) {
    let format = try OutputFormat(arguments)
    let usesColor = try Terminal.usesColor(arguments)
    let given = try TimeZoneOption.zone(arguments)
    let zone = given ?? .local
    let columns = try OutputOptions.columns(arguments, of: format)
    let stampClock = arguments.has("timestamps") ? ClockText(zone) : nil
    let passesColors = arguments.has("ansi")
    if let template = try OutputOptions.template(arguments, zone: zone) {
      form = template
      return
    }
    switch format {
    case .short:
      var look = ShortLook(fields: columns ?? ShortLook.usualFields(namesStream: namesStreams))
      (look.usesColor, look.passesColors, look.wraps) = (usesColor, passesColors, arguments.has("wrap"))
      look.columnCount = columnCount
      (look.zone, look.saysZone) = (zone, !zone.isLocal)
      form = ShortLine(look)
      highlighter = usesColor ? filter.flatMap(FilterHighlighter.init) : nil
    case .full: form = FullEntry(usesColor: usesColor, zone: zone)
    case .json: form = JSONLine()
    case .prettyJSON: form = JSONLine(isPretty: true)
    case .raw: form = RawLine(clock: stampClock, showsStatus: filter?.namesKinds ?? false)
    case .cat: form = CatLine(clock: stampClock, passesColors: passesColors)
    case .logfmt: form = LogfmtLine(columns ?? LogfmtLine.usualFields, zone: given ?? .utc)
    case .csv: form = CSVLine(columns ?? CSVLine.usualFields, zone: given ?? .utc, isTerminal: columnCount != nil)
    }
  }

  /// Appends the entry's line or lines.
  ///
  /// - Parameter isContext: whether it only stands near one that was searched for.
  mutating func append(
    _ entry: LogEntry, of stream: StreamName, isContext: Bool = false, to output: inout [UInt8]
  ) {
    let matches = isContext ? [] : highlighter?.ranges(in: entry.message) ?? []
    form.append(entry, of: stream, matches: matches, isContext: isContext, to: &output)
  }

  /// Appends what stands between groups of entries that do not follow each other.
  func appendSeparator(to output: inout [UInt8]) { output.append(contentsOf: form.groupSeparator.utf8) }
}
