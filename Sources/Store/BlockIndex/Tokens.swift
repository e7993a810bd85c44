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

  /// What the index has of a token that is longer than `byteCountMax`.
  static func forEachPiece(of token: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
    var start = 0
    while true {
      unsafe body(UnsafeRawBufferPointer(rebasing: token[start..<min(start + byteCountMax, token.count)]))
      guard start + byteCountMax < token.count else { return }
      start = min(start + stride, token.count - byteCountMax)
    }
  }

  /// The tokens of text that contains `needle`: at its ends they may go on.
  static func patterns(of needle: [UInt8], isWord: Bool) -> [TokenPage.Pattern] {
    var patterns: [TokenPage.Pattern] = []
    var start: Int?
    for offset in 0...needle.count {
      let isToken = offset < needle.count && classes[Int(needle[offset])]
      if isToken, start == nil { start = offset }
      guard !isToken, let first = start else { continue }
      start = nil
      var pattern = TokenPage.Pattern(
        bytes: needle[first..<offset].map(lower), isOpenBefore: first == 0 && !isWord,
        isOpenBehind: offset == needle.count && !isWord)
      if pattern.isOpenBefore, pattern.bytes.count > stride {
        pattern.bytes = Array(pattern.isOpenBehind ? pattern.bytes.prefix(stride) : pattern.bytes.suffix(stride))
      } else if pattern.bytes.count > byteCountMax {
        // The first piece of a token that begins here.
        pattern.bytes.removeLast(pattern.bytes.count - byteCountMax)
        pattern.isOpenBehind = false
      }
      patterns.append(pattern)
    }
    return patterns
  }

  private static func lower(_ byte: UInt8) -> UInt8 { byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte }
}
