internal import LogsClient
internal import LogsWire

/// The forms in which entries are printed: the one place that matches on the format.
struct EntryWriter {
  enum Format: String, CaseIterable {
    case short
    case json
    case raw
  }

  let format: Format
  let isUTC: Bool
  let usesColor: Bool
  /// Whether each line names its stream.
  let namesStreams: Bool

  private var json = JSON()
  /// The last one written, when its line goes on in another entry.
  private var openPart: (part: LinePart, stream: StreamName)?

  init(format: Format, isUTC: Bool, usesColor: Bool, namesStreams: Bool) {
    self.format = format
    self.isUTC = isUTC
    self.usesColor = usesColor
    self.namesStreams = namesStreams
  }

  static let options = [
    Option(
      "output", ["o"], form: "FORMAT",
      help:
        "short (default), json (one object a line) or raw (the message's bytes, escape sequences and all; the parts of a split line are joined)"
    ),
    Option("utc", help: "show times in UTC"),
    Option("color", form: "WHEN", help: "auto (default), always or never"),
    Option("no-color", help: "the same as --color never"),
  ]

  init(_ arguments: Arguments, namesStreams: Bool) throws(CommandError) {
    self.init(
      format: try Self.format(arguments), isUTC: arguments.has("utc"), usesColor: try Terminal.usesColor(arguments),
      namesStreams: namesStreams)
  }

  static func format(_ arguments: Arguments) throws(CommandError) -> Format {
    guard let text = arguments.value("output") else { return .short }
    guard let format = Format(rawValue: text) else {
      throw .usage("-o takes \(Format.allCases.map(\.rawValue).joined(separator: ", ")), not '\(text)'")
    }
    return format
  }

  /// Appends the entry's line.
  mutating func append(_ entry: LogEntry, of stream: StreamName, to output: inout [UInt8]) {
    switch format {
    case .raw:
      // The seal is no line that anybody pushed.
      if entry.kind == .complete { return }
      writeRaw(entry, of: stream, to: &output)
    case .json:
      json.removeAll()
      writeJSON(entry, of: stream)
      json.newline()
      output.append(contentsOf: json.bytes)
    case .short: writeShort(entry, of: stream, to: &output)
    }
  }

  /// The parts of a line that was split are joined where they follow each other; anything else in between begins a new line.
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

  private mutating func writeJSON(_ entry: LogEntry, of stream: StreamName) {
    json.object { json in
      json.key("stream")
      json.string(stream.text)
      json.key("seq")
      json.number(entry.sequence)
      json.key("time")
      if entry.time == 0 { json.null() } else { json.string(Timestamp.rfc3339(entry.time)) }
      json.key("received")
      json.string(Timestamp.rfc3339(entry.received))
      json.key("severity")
      json.number(UInt64(entry.severity.number))
      json.key("level")
      json.string("\(entry.severity)")
      json.key("source")
      json.string(entry.source.text)
      json.key("message")
      json.string(entry.message.text)
      json.key("attributes")
      json.attributes(entry.attributes)
      json.key("kind")
      json.string("\(entry.kind)")
    }
  }

  private enum Color {
    static let dim = "\u{1b}[2m"
    static let red = "\u{1b}[31m"
    static let yellow = "\u{1b}[33m"
    static let cyan = "\u{1b}[36m"
    static let reset = "\u{1b}[0m"
  }

  private func writeShort(_ entry: LogEntry, of stream: StreamName, to output: inout [UInt8]) {
    func colored(_ text: String, _ color: String?) {
      guard usesColor, let color else { return output.append(contentsOf: text.utf8) }
      output.append(contentsOf: color.utf8)
      output.append(contentsOf: text.utf8)
      output.append(contentsOf: Color.reset.utf8)
    }
    func space() { output.append(UInt8(ascii: " ")) }

    colored(Timestamp.short(entry.effectiveTime, isUTC: isUTC), Color.dim)
    space()
    if namesStreams {
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
    PrintableText.append(entry.message, to: &output)
    if !entry.attributes.isEmpty {
      space()
      var attributes = JSON()
      attributes.attributes(entry.attributes)
      colored(String(decoding: attributes.bytes, as: UTF8.self), Color.dim)
    }
    output.append(UInt8(ascii: "\n"))
  }
}
