/// A pattern prepared for comparison with many names (`spec/decisions/0007-patterns.md`).
///
/// The literal text at both ends is compared as it is. The middle is an automaton: in state i its first i bytes and `?`
/// have been found, and a star is a loop at its state. Each state is a bit, and a byte of the name moves 64 of them in
/// one step.
package struct PatternMatcher: Sendable {
  /// The text before the first wildcard, with which every matching name begins.
  package let prefix: String

  private let prefixBytes: [UInt8]
  private let suffixBytes: [UInt8]
  private let hasWildcard: Bool
  /// Whether the middle is `**` alone, and takes anything.
  private let takesAnyMiddle: Bool
  /// Bytes and `?` between the ends.
  private let tokenCount: Int
  private let wordCount: Int
  /// The class of each byte; bytes that the middle treats alike share one.
  private let classes: [UInt8]
  /// For each class, the states that a byte of it advances, then those that it leaves as they are.
  private let masks: [UInt64]

  /// States of the longest pattern: one for each byte, and one before the first.
  private static let wordCountMax = 4

  /// - Parameter pattern: at most 200 bytes.
  init(_ pattern: [UInt8]) {
    let start = pattern.firstIndex(where: Self.isWildcard) ?? pattern.endIndex
    let end = pattern.lastIndex(where: Self.isWildcard).map { $0 + 1 } ?? pattern.endIndex
    let middle = pattern[start..<end]
    hasWildcard = !middle.isEmpty
    prefixBytes = Array(pattern[..<start])
    prefix = String(decoding: prefixBytes, as: UTF8.self)
    suffixBytes = Array(pattern[end...])
    tokenCount = middle.count { $0 != Self.star }
    takesAnyMiddle = tokenCount == 0 && middle.count > 1
    wordCount = tokenCount / 64 + 1
    precondition(wordCount <= Self.wordCountMax, "a pattern has at most 200 bytes")
    // Class 0 holds all bytes that the middle does not name, class 1 the separator.
    var classes = [UInt8](repeating: 0, count: hasWildcard ? 256 : 0)
    var classCount = 2
    if hasWildcard { classes[Int(Self.separator)] = 1 }
    for byte in middle where !Self.isWildcard(byte) && classes[Int(byte)] == 0 {
      classes[Int(byte)] = UInt8(classCount)
      classCount += 1
    }
    var masks = [UInt64](repeating: 0, count: classCount * 2 * wordCount)
    var state = 0
    var index = middle.startIndex
    while index < middle.endIndex {
      let (word, bit) = (state / 64, UInt64(1) << UInt64(state % 64))
      let isStar = middle[index] == Self.star
      let isWide = isStar && index + 1 < middle.endIndex && middle[index + 1] == Self.star
      for number in 0..<classCount {
        let row = number * 2 * wordCount + word
        if isStar {
          if isWide || number != 1 { masks[row + wordCount] |= bit }
        } else if middle[index] == Self.one ? number != 1 : number == Int(classes[Int(middle[index])]) {
          masks[row] |= bit
        }
      }
      if isStar {
        while index < middle.endIndex, middle[index] == Self.star { index += 1 }
      } else {
        state += 1
        index += 1
      }
    }
    self.classes = classes
    self.masks = masks
  }

  /// Whether `name` matches, and the steps it took: at most one for each byte of the name and 64 bytes of the pattern,
  /// and one more.
  package func match(_ name: String) -> (isMatch: Bool, stepCount: Int) {
    let name = name.utf8.span
    let middleCount = name.count - prefixBytes.count - suffixBytes.count
    guard middleCount >= tokenCount, hasWildcard || middleCount == 0, name.count > 0 else { return (false, 1) }
    // Only patterns that ask for the server's own names match them.
    if name[0] == Self.dollar, (prefixBytes.first ?? 0) != Self.dollar { return (false, 1) }
    for index in prefixBytes.indices where name[index] != prefixBytes[index] { return (false, 1) }
    let end = name.count - suffixBytes.count
    for index in suffixBytes.indices where name[end + index] != suffixBytes[index] { return (false, 1) }
    if takesAnyMiddle || !hasWildcard { return (true, 1) }
    var states = InlineArray<4, UInt64>(repeating: 0)
    states[0] = 1
    var index = prefixBytes.count
    while index < end {
      let row = Int(classes[Int(name[index])]) * 2 * wordCount
      index += 1
      var carry: UInt64 = 0
      var any: UInt64 = 0
      for word in 0..<wordCount {
        let moved = states[word] & masks[row + word]
        let next = moved << 1 | carry | states[word] & masks[row + wordCount + word]
        carry = moved >> 63
        states[word] = next
        any |= next
      }
      if any == 0 { break }
    }
    let isMatch = states[tokenCount / 64] >> UInt64(tokenCount % 64) & 1 == 1
    return (isMatch && index == end, 1 + (index - prefixBytes.count) * wordCount)
  }

  private static func isWildcard(_ byte: UInt8) -> Bool { byte == star || byte == one }

  private static let star = UInt8(ascii: "*")
  private static let one = UInt8(ascii: "?")
  private static let separator = UInt8(ascii: "/")
  private static let dollar = UInt8(ascii: "$")
}
