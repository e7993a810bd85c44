/// Words of a command as they are typed into a shell.
enum ShellWord {
  /// A word, in single quotes if the shell would not take it as it is.
  static func quoted(_ word: String) -> String {
    // `=` in front is an expansion of zsh.
    if !word.isEmpty, !word.hasPrefix("="), word.utf8.allSatisfy(isPlain) { return word }
    return "'\(word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#))'"
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"),
      UInt8(ascii: "@"), UInt8(ascii: "-"), UInt8(ascii: "/"), UInt8(ascii: "="), UInt8(ascii: "+"),
      UInt8(ascii: ","), UInt8(ascii: "%"):
      true
    default: false
    }
  }
}
