@testable import LogsText
@testable import LogsWire

/// What must hold for a line in every format, and for the entry that it becomes in every form of output.
struct EntryRules: ~Copyable {
  private static let times = TimeRules(zone: .offset(seconds: 7_200), now: 1_768_046_400_000_000_000)
  private static let template = LogEntry(message: ByteString(), time: 5, severity: .info, source: "s")

  private var builder = BatchBuilder(seed: 1)

  mutating func check(_ line: ByteString) throws {
    for format in LineFormat.allCases {
      let entry = format.entry(line, like: Self.template, Self.times)
      var outcome = try builder.append(entry)
      if outcome == .full {
        builder.removeAll()
        outcome = try builder.append(entry)
      }
      try BrokenRule.check(outcome == .added, "\(format) makes an entry that no batch holds")
      try BrokenRule.check(
        entry.time == Self.template.time || entry.time > 0, "\(format) makes the time \(entry.time)")
      if format == .raw { try BrokenRule.check(entry.message == line, "raw is not the line") }
      try Self.checkOutput(entry)
    }
  }

  /// Everything but raw output is harmless on a terminal, and one line where it says so.
  private static func checkOutput(_ entry: LogEntry) throws {
    try checkLine(EntryLine.bytes(of: entry), "EntryLine")
    let fields = ShortLook.usualFields(namesStream: true)
    var look = ShortLook(fields: fields)
    look.zone = .utc
    try check(ShortLine(look), entry, isOneLine: true)
    try check(CatLine(), entry, isOneLine: true)
    try check(LogfmtLine(LogfmtLine.usualFields, zone: .utc), entry, isOneLine: true)
    try check(JSONLine(), entry, isOneLine: true)
    try check(FullEntry(usesColor: false, zone: .utc), entry, isOneLine: false)
    var json: [UInt8] = []
    var writer = JSONLine()
    writer.append(entry, of: SampleEntries.stream, matches: [], isContext: false, to: &json)
    try BrokenRule.check(
      JSONReader.object(ByteString(json.dropLast()).span) != nil, "what is printed as JSON cannot be read: \(json)")
  }

  private static func check(_ output: some EntryOutput, _ entry: LogEntry, isOneLine: Bool) throws {
    var output = output
    var bytes: [UInt8] = []
    output.append(entry, of: SampleEntries.stream, matches: [], isContext: false, to: &bytes)
    if isOneLine { try checkLine(bytes, "\(type(of: output))") } else { try checkText(bytes, "\(type(of: output))") }
  }

  private static func checkLine(_ bytes: [UInt8], _ form: String) throws {
    guard !bytes.isEmpty else { return }
    try BrokenRule.check(bytes.last == 10, "\(form) does not end its line")
    try BrokenRule.check(!bytes.dropLast().contains(10), "\(form) prints several lines")
    try checkText(bytes, form)
  }

  private static func checkText(_ bytes: [UInt8], _ form: String) throws {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw BrokenRule("\(form) prints no UTF-8") }
    try BrokenRule.check(
      text.unicodeScalars.allSatisfy { $0 == "\n" || PrintableText.isHarmless($0) },
      "\(form) prints what a terminal acts on: \(text.debugDescription)")
  }
}
