internal import LogsClient
internal import LogsText
internal import LogsWire

/// The flags that say how entries are printed.
enum OutputOptions {
  static let all =
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
      Option(
        "columns", form: "A,B",
        help: "these fields of each entry, with tabs between them; aligned with -o short; also for csv and logfmt"),
      Option("timestamps", ["t"], help: "the time before each line of cat and raw"),
      Option("wrap", help: "on a terminal, wrap long lines of short below the message"),
      Option("ansi", help: "let colours in messages through (short, cat); other escapes are always shown as text"),
    ] + TimeZoneOption.all + [
      Option("color", form: "WHEN", help: "auto (default), always or never"),
      Option("no-color", help: "the same as --color never"),
    ]

  /// The fields that `--columns` names; nil without it.
  static func columns(_ arguments: Arguments, of format: OutputFormat) throws(CommandError) -> [EntryField]? {
    guard let text = arguments.value("columns") else { return nil }
    guard [.short, .logfmt, .csv].contains(format) else {
      throw .usage("--columns goes without -o, or with -o csv, -o logfmt or -o short")
    }
    do throws(FieldMistake) { return try EntryField.list(text) } catch {
      throw .usage("--columns: \(error.description)")
    }
  }

  /// What the flags ask for instead of a format; nil if they ask for one.
  static func template(_ arguments: Arguments, zone: ShownZone) throws(CommandError) -> TemplateLine? {
    guard let text = arguments.value("template") else {
      if arguments.has("output") { return nil }
      return try columns(arguments, of: .short).map { TemplateLine($0, zone: zone) }
    }
    for flag in ["columns", "output"] where arguments.has(flag) {
      throw .usage("--template says all of the form: leave out \(arguments.written(flag))")
    }
    do throws(FieldMistake) { return try TemplateLine(text, zone: zone) } catch {
      throw .usage("--template: \(error.description)")
    }
  }
}
