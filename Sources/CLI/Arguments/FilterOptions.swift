internal import LogsClient
internal import LogsSystem
internal import LogsText
internal import LogsWire

/// The flags that say which entries are wanted. All of them together are one filter: an entry has to pass each.
enum FilterOptions {
  static let all = [
    Option("filter", form: "FILTER", help: "only entries that pass the filter: docs/searching.md has the language"),
    Option("level", ["l"], form: "LEVEL", help: "only at LEVEL or above (warn), or from one to another (info..warn)"),
    Option(
      "grep", ["g"], form: "PATTERN",
      help:
        "only messages that match the regular expression, or one of several; in any case unless it has a capital"
    ),
    Option("ignore-case", ["i"], help: "-g and -v ignore case, whatever is in them"),
    Option(
      "exclude", ["v"], form: "PATTERN", help: "no messages that match the regular expression, nor any of several"),
    Option("source", form: "SOURCE", help: "only from this source, or one of several; * stands for any characters"),
  ]

  /// The filters in the language, as they were written.
  static func texts(_ arguments: Arguments, operand: String?) -> [String] {
    arguments.values("filter") + (operand.map { [$0] } ?? [])
  }

  /// What the flags ask for; nil when they ask for nothing.
  ///
  /// Says on stderr where a word may have been meant as an operator.
  ///
  /// - Parameter operand: a filter that was not given with a flag.
  /// - Throws: `FilterMistake`, or `CommandError` about one of the short forms.
  static func filter(_ arguments: Arguments, operand: String? = nil) throws -> Filter? {
    let short = ShortFilter(
      level: arguments.value("level"), patterns: arguments.values("grep"), exclusions: arguments.values("exclude"),
      sources: arguments.values("source"), ignoresCase: arguments.has("ignore-case"),
      levelFlag: arguments.written("level"), patternFlag: arguments.written("grep"),
      exclusionFlag: arguments.written("exclude"))
    if short.ignoresCase, short.patterns.isEmpty, short.exclusions.isEmpty {
      let flag = arguments.written("ignore-case")
      throw CommandError.usage("\(flag) is about -g and -v; words of a filter ignore case unless a capital is in them")
    }
    let times = FilterTimes.local(now: SystemClock.wall())
    var filter: Filter?
    func add(_ text: String, orThrow failure: (FilterError) -> any Error) throws {
      let next: Filter
      do throws(FilterError) { next = try Filter(text, times: times) } catch { throw failure(error) }
      do throws(FilterError) { filter = try filter?.and(next) ?? next } catch {
        throw CommandError.usage("what is given is one filter together, and that is too large: \(error.reason)")
      }
    }
    let texts = texts(arguments, operand: operand)
    for text in texts { try add(text) { FilterMistake(text: text, error: $0) } }
    if let note = texts.lazy.compactMap({ note(on: FilterWords($0)) }).first { Terminal.note(note) }
    for part in try short.parts() {
      let level = part.flag == short.levelFlag ? short.level ?? "" : ""
      let suggestion = Spelling.suggestion(level.lowercased(), among: ShortFilter.levels)
      try add(part.text) { CommandError.usage("\(part.flag): \($0.reason)\(suggestion)") }
    }
    return filter
  }

  /// What to say of a filter that lets through other entries than it seems to.
  private static func note(on words: FilterWords) -> String? {
    words.operatorNote ?? words.words.lazy.compactMap(ValueHints.groupedDigits).first
  }
}

/// A filter that cannot be read.
struct FilterMistake: Error, CustomStringConvertible {
  let text: String
  let error: FilterError

  var description: String { error.description }

  /// The filter, and a mark below the place where it is wrong.
  var lines: [String] {
    let scalars: [Unicode.Scalar] = text.unicodeScalars.map { scalar in
      scalar != "\t" && PrintableText.isHarmless(scalar) ? scalar : " "
    }
    var shown = String.UnicodeScalarView()
    shown.append(contentsOf: scalars)
    let width = scalars.prefix(error.column - 1).reduce(0) { $0 + DisplayWidth.of($1) }
    return ["  \(String(shown))", "  \(String(repeating: " ", count: width))^"]
  }
}
