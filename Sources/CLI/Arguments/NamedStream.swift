internal import LogsClient
internal import LogsWire

/// The one stream that a command writes to, as it was typed.
enum NamedStream {
  /// - Parameters:
  ///   - word: what was typed.
  ///   - command: the name of the command.
  /// - Throws: `CommandError`, or a `LogError` that says what is wrong with the name.
  static func of(_ word: String, for command: String) throws -> StreamName {
    if word.isEmpty { throw CommandError.usage(emptyWord) }
    if word.utf8.first == UInt8(ascii: "$") {
      throw CommandError.usage(
        """
        '\(PrintableText.escaped(word))' is the server's own: only the server appends to it, and nobody completes or \
        deletes it; how long it is kept is a rule of logsd, like --retention '$logsd: 30d'
        """)
    }
    if StreamPattern.isPattern(word) {
      throw CommandError.usage(
        "\(command) takes the name of one stream, not a pattern; logs streams \(ShellWord.quoted(word)) lists names")
    }
    return try StreamName(word)
  }

  /// What is said about an operand without a character.
  static let emptyWord =
    "the name of a stream is empty: is a variable not set? $ stands in single quotes for the shell: '$logsd'"
}
