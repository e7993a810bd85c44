internal import LogsClient
internal import LogsText

/// The streams that a command's operands name, and the filter behind them.
struct StreamOperands {
  let selectors: [StreamSelector]
  /// What stands behind the streams, if it is a filter.
  let filter: String?
  /// The last operand when it might have been meant as a filter, but is the name of a stream.
  let ambiguous: StreamName?

  /// Reads `STREAM... [FILTER]`.
  ///
  /// The words behind `--` are the filter. Without `--` the last of several operands is one if it cannot be a stream or
  /// pattern, or is `FIELD:...` with a field of the language, unless `--filter` says what the filter is.
  /// - Throws: `CommandError`, or a `LogError` that says what is wrong with a name.
  init(_ arguments: Arguments, of command: String) throws {
    let operands = arguments.operands
    let hasFlag = arguments.has("filter")
    var streams = operands[...]
    var filter: String?
    if let count = arguments.leadingCount {
      streams = operands[..<count]
      if count < operands.count { filter = operands[count...].joined(separator: " ") }
    } else if !hasFlag, operands.count > 1, let last = operands.last, Self.isFilter(last) {
      streams = operands.dropLast()
      filter = last
    }
    if let filter, hasFlag {
      throw CommandError.usage("there are two filters, --filter and '\(filter)'; write one: (a) (b) is both")
    }
    selectors = try Self.selectors(Array(streams), of: command)
    self.filter = filter
    if filter == nil, !hasFlag, streams.count > 1, case .stream(let name)? = selectors.last, name.text == streams.last {
      ambiguous = name
    } else {
      ambiguous = nil
    }
  }

  /// Whether a word that might be a stream is a filter.
  private static func isFilter(_ word: String) -> Bool {
    if let colon = word.firstIndex(of: ":"), fields.contains(String(word[..<colon])) { return true }
    if word.contains("{") { return !hasOnlyNames(word) }
    do throws(LogError) {
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
      throw CommandError.usage("\(command) needs a stream or pattern; see logs help \(command)")
    }
    return try operands.flatMap { try Braces.words($0) }.map { text in
      if StreamPattern.isPattern(text) { return .pattern(try StreamPattern(text)) }
      // The server's own.
      if text.utf8.first == UInt8(ascii: "$") { return .stream(try StreamName(server: text)) }
      return .stream(try StreamName(text))
    }
  }

  /// Whether entries of several streams may come, so that each is shown with its stream.
  static func mayBeSeveral(_ selectors: [StreamSelector]) -> Bool {
    selectors.count > 1 || selectors.contains { if case .pattern = $0 { true } else { false } }
  }
}
