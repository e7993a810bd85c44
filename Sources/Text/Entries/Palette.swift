internal import LogsWire

/// The colours of entries on a terminal, from the part of the palette of 256 that terminals do not let users redefine.
///
/// Each has a contrast (WCAG 2) of at least 4.5 to black and to white, or to a background that it brings, so that one
/// palette serves dark and light screens. No more than 63, 243, 131, 29, 98 and 163 do without a background.
enum Palette {
  static let reset: StaticString = "\u{1b}[0m"
  /// Times, attributes, and whatever else stands back.
  static let dim: StaticString = "\u{1b}[38;5;243m"
  /// What was searched for.
  static let match: StaticString = "\u{1b}[1;38;5;163m"
  /// The kind of an entry that is no log line.
  static let kind: StaticString = "\u{1b}[38;5;63m"

  static func level(_ severity: LogSeverity) -> StaticString {
    switch severity.number {
    case 0...4: dim
    case 5...8: "\u{1b}[38;5;98m"
    case 10: "\u{1b}[38;5;63m"
    case 9...12: "\u{1b}[38;5;29m"
    case 13...16: "\u{1b}[1;38;5;131m"
    case 17: "\u{1b}[38;5;231;48;5;160m"
    case 18...20: "\u{1b}[1;38;5;231;48;5;160m"
    default: "\u{1b}[1;38;5;231;48;5;88m"
    }
  }

  /// A name's colour, the same wherever and whenever it is shown; without the red of levels, and bold as well, since
  /// there are few.
  static func name(_ bytes: some Sequence<UInt8>) -> StaticString {
    // FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/
    var hash: UInt32 = 0x811c_9dc5
    for byte in bytes { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
    return names[Int(hash % UInt32(names.count))]
  }

  private static let names: [StaticString] = [
    "\u{1b}[38;5;29m", "\u{1b}[38;5;63m", "\u{1b}[38;5;98m", "\u{1b}[38;5;163m", "\u{1b}[1;38;5;29m",
    "\u{1b}[1;38;5;63m", "\u{1b}[1;38;5;98m",
  ]
}
