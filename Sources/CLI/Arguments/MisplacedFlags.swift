internal import LogsText

/// Flags of a command behind `--`, where every word is text.
struct MisplacedFlags {
  private let command: Command
  /// As they were typed, with their values.
  private var flags: [String] = []
  /// The first of them.
  private var first = ""
  private var rest: [String] = []

  /// - Returns: nil if there are none.
  init?(in words: some Collection<String>, of name: String) {
    guard let command = Command.named(name) else { return nil }
    self.command = command
    let options = command.options + ConnectionOptions.all
    var words = Array(words)[...]
    while let word = words.popFirst() {
      guard let option = options.first(where: { Self.isFlag(word, $0) }) else {
        rest.append(word)
        continue
      }
      if first.isEmpty { first = word }
      flags.append(word)
      let isWhole = word.contains("=") || !word.hasPrefix("--") && word.utf8.count > 2
      if option.form != nil, !isWhole, let value = words.popFirst() { flags.append(value) }
    }
    if flags.isEmpty { return nil }
  }

  /// `--limit`, `--limit=5`, `-n` and `-n5`, but not `-node`, which is a term of a filter.
  private static func isFlag(_ word: String, _ option: Option) -> Bool {
    if word.hasPrefix("--") {
      let name = String(word.dropFirst(2).prefix { $0 != "=" })
      return name.utf8.count > 1 && option.isCalled(name)
    }
    guard word.utf8.first == UInt8(ascii: "-"), let letter = word.dropFirst().first else { return false }
    let value = word.dropFirst(2)
    guard value.allSatisfy(\.isNumber), value.isEmpty || option.form != nil else { return false }
    return option.isCalled(String(letter))
  }

  /// Whether the filter cannot be read with one of them in it: two dashes begin no term.
  var areRefused: Bool { flags.contains { $0.hasPrefix("--") } }

  /// What they were taken for, and what to write.
  ///
  /// - Parameter streams: the words before `--`.
  func sentence(_ streams: [String]) -> String {
    let filter = rest.isEmpty ? [] : ["--"] + rest
    let line = [command.name] + streams + flags + filter
    return "'\(first)' behind -- is text, and no flag; flags come before it: "
      + "logs \(line.map(ShellWord.quoted).joined(separator: " "))"
  }
}
