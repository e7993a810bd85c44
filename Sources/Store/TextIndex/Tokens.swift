internal import LogsWire

/// Tokens of text: the longest runs of ASCII letters, digits and `_`, in lower case. What is between them, other
/// characters included, separates them.
enum Tokens {
  /// Longer ones are in the index in pieces of this length, each beginning `stride` behind the one before, the last
  /// ending where the token does. So any `stride` bytes of a token are in a piece.
  static let byteCountMax = 64
  static let stride = 32

  /// For each byte, whether it belongs to a token.
  static let classes: [Bool] = (0..<256).map { byte in
    switch UInt8(byte) {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  /// A token of a text that is looked for: it may go on at the ends of the text.
  struct Part: Hashable {
    var bytes: [UInt8]
    /// Whether a token that holds it may begin before it.
    var isOpenBefore: Bool
    var isOpenBehind: Bool
  }

  /// The tokens, whole or not, of text that contains `needle`.
  static func parts(of needle: [UInt8], isWord: Bool) -> [Part] {
    var parts: [Part] = []
    var start: Int?
    for offset in 0...needle.count {
      let isToken = offset < needle.count && classes[Int(needle[offset])]
      if isToken, start == nil { start = offset }
      guard !isToken, let first = start else { continue }
      start = nil
      var part = Part(
        bytes: needle[first..<offset].map(lower), isOpenBefore: first == 0 && !isWord,
        isOpenBehind: offset == needle.count && !isWord)
      if part.isOpenBefore, part.bytes.count > stride {
        part.bytes = Array(part.isOpenBehind ? part.bytes.prefix(stride) : part.bytes.suffix(stride))
      } else if part.bytes.count > byteCountMax {
        // The first piece of a token that begins here.
        part.bytes.removeLast(part.bytes.count - byteCountMax)
        part.isOpenBehind = false
      }
      parts.append(part)
    }
    return parts
  }

  private static func lower(_ byte: UInt8) -> UInt8 { byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte }
}
