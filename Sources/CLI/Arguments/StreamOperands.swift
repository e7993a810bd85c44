internal import LogsClient
internal import LogsText

/// The streams that a command's operands name, and the filter behind them.
struct StreamOperands {
  /// The operands that name streams, as they were typed.
  let words: [String]
  let selectors: [StreamSelector]
  /// What stands behind the streams, if it is a filter.
  let filter: String?

  private let command: String
  /// Whether neither `--` nor `--filter` says which words are the filter.
  private let isGuessed: Bool

  /// Reads `STREAM... [FILTER]`.
  ///
  /// The words behind `--` are the filter. Without `--` the last of several operands is one if it cannot be a stream
  /// or pattern, or is `FIELD:...` with a field of the language, or `NAME:...` with a wildcard, unless `--filter` says
  /// what the filter is.
  /// - Throws: `CommandError`, or a `LogError` that says what is wrong with a name.
  init(_ arguments: Arguments, of command: String) throws {
    let operands = arguments.operands
    let hasFlag = arguments.has("filter")
    var streams = operands[...]
    var filter: String?
    if let count = arguments.leadingCount {
      streams = operands[..<count]
      if count < operands.count { filter = operands[count...].joined(separator: " ") }
      if let flags = MisplacedFlags(in: operands[count...], of: command) {
        let sentence = flags.sentence(Array(streams))
        if flags.areRefused { throw CommandError.usage(sentence) }
        Terminal.note(sentence)
      }
    } else if !hasFlag, operands.count > 1, let last = operands.last, Self.isFilter(last) {
      streams = operands.dropLast()
      filter = last
    }
    if let filter, hasFlag {
      throw CommandError.usage("there are two filters, --filter and '\(filter)'; write one: (a) (b) is both")
    }
    words = Array(streams)
    self.filter = filter
    self.command = command
    isGuessed = arguments.leadingCount == nil && !hasFlag
    do { selectors = try Self.selectors(words, of: command) } catch let error as LogError {
      guard let advice = Self.advice(words, filter, of: command), isGuessed else { throw error }
      throw CommandError.usage("\(error.message); \(advice)")
    }
  }

  /// How to write it where words are no names and may be meant as terms of a filter; nil if none may.
  private static func advice(_ words: [String], _ filter: String?, of command: String) -> String? {
    guard let first = words.first else { return nil }
    let terms = words.filter(isFilter)
    guard terms.contains(where: ForeignTerms.isFilter), !terms.contains(first) || isFieldTerm(first) else { return nil }
    let streams = words.filter { !isFilter($0) }
    return line(streams.isEmpty ? ["STREAM"] : streams, terms, filter, of: command)
  }

  /// Whether it is a field of a filter rather than a misspelled name.
  private static func isFieldTerm(_ word: String) -> Bool {
    ForeignTerms.isFilter(word) && FilterWords(word).words.contains { $0.fieldName != nil }
  }

  /// How to write it with some of the words as a filter; nil if they cannot have been meant as one.
  ///
  /// - Parameter meant: which of the words. If the first one is among them, streams are misspelled rather than missing.
  func advice(filtering meant: (String) -> Bool) -> String? {
    guard isGuessed, let first = words.first, !meant(first) else { return nil }
    let terms = words.filter(meant)
    if terms.isEmpty { return nil }
    return Self.line(words.filter { !meant($0) }, terms, filter, of: command)
  }

  private static func line(
    _ streams: [String], _ terms: [String], _ filter: String?, of command: String
  ) -> String {
    let rest = filter.map { [$0.contains("OR") ? "(\($0))" : $0] } ?? []
    let line = streams + ["--"] + terms.map(term) + rest
    return "a filter stands behind --: logs \(command) \(line.map(ShellWord.quoted).joined(separator: " "))"
  }

  /// A word as a term of a filter: one with `*` and `?` in it is a regular expression.
  private static func term(_ word: String) -> String {
    let inner = word.drop { $0 == "*" }
    let trimmed = String(inner.prefix(inner.count - inner.reversed().prefix { $0 == "*" }.count))
    let pattern = word.contains(".*") ? word : word.map { glob($0) }.joined()
    return [word, trimmed, ForeignTerms.slashed(pattern)].first { !$0.isEmpty && ForeignTerms.isFilter($0) } ?? word
  }

  private static func glob(_ character: Character) -> String {
    switch character {
    case "*": ".*"
    case "?": "."
    case ".": #"\."#
    default: String(character)
    }
  }

  /// Whether a word is a name, a colon and what has `*` or `?` in it: `user:a*`.
  private static func hasAttribute(_ word: String) -> Bool {
    guard StreamPattern.isPattern(word), let colon = word.firstIndex(of: ":") else { return false }
    let (name, value) = (word[..<colon], word[word.index(after: colon)...])
    guard let first = name.first, first.isLetter || first == "_" || first == "@", !value.hasPrefix(":") else {
      return false
    }
    return name.allSatisfy { $0.isLetter || $0.isNumber || "_@.-".contains($0) }
  }

  /// Whether a word that might be a stream is a filter.
  private static func isFilter(_ word: String) -> Bool {
    if let colon = word.firstIndex(of: ":"), fields.contains(String(word[..<colon])) { return true }
    if hasAttribute(word) { return true }
    if word.contains("{") { return !hasOnlyNames(word) }
    do throws(LogError) {
      if word.utf8.first == UInt8(ascii: "$"), !StreamPattern.isPattern(word) {
        _ = try StreamName(server: word)
        return false
      }
      if StreamPattern.isPattern(word) { _ = try StreamPattern(word) } else { _ = try StreamName(word) }
      return false
    } catch { return true }
  }

  /// Whether a word with braces is made like a pattern, even one that is not understood. No filter is: it has braces
  /// only in quotes and regular expressions.
  private static func hasOnlyNames(_ word: String) -> Bool {
    let rest = word.filter { !"{},".contains($0) }
    do throws(LogError) {
      if !rest.isEmpty { _ = try StreamPattern(rest) }
      return true
    } catch { return false }
  }

  /// Fields of the language (`spec/filter.md`, section 3.2).
  private static let fields = ["level", "source", "message", "kind", "stream", "seq", "time"]

  static func selectors(_ operands: [String], of command: String) throws -> [StreamSelector] {
    if operands.isEmpty {
      throw CommandError.usage(
        "\(command) needs a stream or pattern, in single quotes if it has $ or *; see logs help \(command)")
    }
    if operands.contains("") { throw CommandError.usage(NamedStream.emptyWord) }
    return try operands.flatMap { try Braces.words($0) }.map { text in
      if StreamPattern.isPattern(text) { return .pattern(try StreamPattern(text)) }
      // The server's own.
      if text.utf8.first == UInt8(ascii: "$") { return .stream(try StreamName(server: text)) }
      return .stream(try StreamName(text))
    }
  }

  /// Whether entries of several streams may come, so that each is shown with its stream.
  static func mayBeSeveral(_ selectors: [StreamSelector]) -> Bool {
    selectors.count > 1 || selectors.contains(where: \.isPattern)
  }
}
