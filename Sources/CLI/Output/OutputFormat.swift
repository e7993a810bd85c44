internal import LogsText

/// The forms in which entries are printed.
enum OutputFormat: String, CaseIterable {
  case short
  case full
  case json
  case prettyJSON = "json-pretty"
  case raw
  case cat
  case logfmt
  case csv

  /// Names that other programs have for lines of JSON.
  private static let aliases = ["jsonl": json, "ndjson": json]

  /// The format that the flags name; `short` when they name none.
  init(_ arguments: Arguments) throws(CommandError) {
    guard let text = arguments.value("output") else {
      self = .short
      return
    }
    guard let format = OutputFormat(rawValue: text) ?? Self.aliases[text] else {
      throw .notOne(text, of: Self.allCases.map(\.rawValue), for: arguments.written("output"))
    }
    self = format
  }
}
