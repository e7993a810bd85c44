internal import LogsWire

/// The colours of entries on a terminal, from the part of the palette of 256 that terminals do not let users redefine.
///
/// Each has a contrast of at least 3.4 to black and to white, so that one palette serves dark and light screens.
enum Palette {
  static let reset: StaticString = "\u{1b}[0m"
  /// Times, attributes, and whatever else stands back.
  static let dim: StaticString = "\u{1b}[38;5;102m"
  /// What was searched for.
  static let match: StaticString = "\u{1b}[1;38;5;197m"
  /// The kind of an entry that is no log line.
  static let kind: StaticString = "\u{1b}[38;5;31m"

  static func level(_ severity: LogSeverity) -> StaticString {
    switch severity.number {
    case 0...4: dim
    case 5...8: "\u{1b}[38;5;66m"
    case 10: "\u{1b}[38;5;31m"
    case 9...12: "\u{1b}[38;5;28m"
    case 13...16: "\u{1b}[38;5;130m"
    case 17: "\u{1b}[38;5;160m"
    case 18...20: "\u{1b}[1;38;5;160m"
    default: "\u{1b}[1;38;5;231;48;5;160m"
    }
  }

  /// A name's colour, the same wherever and whenever it is shown; without the reds and browns of levels.
  static func name(_ bytes: some Sequence<UInt8>) -> StaticString {
    // FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/
    var hash: UInt32 = 0x811c_9dc5
    for byte in bytes { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
    return names[Int(hash % UInt32(names.count))]
  }

  private static let names: [StaticString] = [
    "\u{1b}[38;5;29m", "\u{1b}[38;5;30m", "\u{1b}[38;5;32m", "\u{1b}[38;5;62m", "\u{1b}[38;5;64m", "\u{1b}[38;5;65m",
    "\u{1b}[38;5;67m", "\u{1b}[38;5;97m", "\u{1b}[38;5;99m", "\u{1b}[38;5;100m", "\u{1b}[38;5;133m",
    "\u{1b}[38;5;163m", "\u{1b}[38;5;169m",
  ]
}
