/// A stream name in which `*` stands for any run of bytes without `/`, `**` for any run, and `?` for one byte other than `/`.
///
/// The server's own streams, whose names begin with `$`, match only a pattern that begins with `$`.
public struct StreamPattern: Hashable, Sendable, CustomStringConvertible {
  public let text: String
  private let bytes: [UInt8]

  /// Matches every stream but the server's own.
  public static let all = StreamPattern(unchecked: "**")

  /// - Throws: `NameError`, telling which rule `text` breaks.
  public init(_ text: String) throws(NameError) {
    let isServers = text.utf8.first == UInt8(ascii: "$")
    try StreamName.check(
      isServers ? String(text.unicodeScalars.dropFirst()) : text, what: "pattern", limit: Limits.patternByteCountMax,
      also: [UInt8(ascii: "*"), UInt8(ascii: "?")])
    self.init(unchecked: text)
  }

  private init(unchecked text: String) {
    self.text = text
    bytes = Array(text.utf8)
  }

  /// Whether `text` has a wildcard and so is a pattern rather than a name.
  public static func isPattern(_ text: String) -> Bool { text.utf8.contains { $0 == wildcard || $0 == one } }

  public var description: String { text }

  private static let wildcard = UInt8(ascii: "*")
  private static let one = UInt8(ascii: "?")
  private static let separator = UInt8(ascii: "/")

  /// Whether `name` matches.
  ///
  /// - Complexity: the square of the name's length at worst, whatever the pattern: no backtracking beyond one table row, and
  ///   an end as soon as no byte of the name is reachable. A FOLLOW may bring 1,024 patterns against every stream.
  public func matches(_ name: StreamName) -> Bool {
    let name = Array(name.text.utf8)
    if name.first == UInt8(ascii: "$"), bytes.first != UInt8(ascii: "$") { return false }
    // reachable[i]: the pattern so far matches the name's first i bytes.
    var reachable = [Bool](repeating: false, count: name.count + 1)
    reachable[0] = true
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      if byte == Self.wildcard {
        let crossesParts = index + 1 < bytes.count && bytes[index + 1] == Self.wildcard
        while index < bytes.count, bytes[index] == Self.wildcard { index += 1 }
        for position in name.indices where reachable[position] && (crossesParts || name[position] != Self.separator) {
          reachable[position + 1] = true
        }
        continue
      }
      var isReachable = false
      for position in stride(from: name.count, to: 0, by: -1) {
        let fits = byte == Self.one ? name[position - 1] != Self.separator : name[position - 1] == byte
        reachable[position] = fits && reachable[position - 1]
        isReachable = isReachable || reachable[position]
      }
      reachable[0] = false
      guard isReachable else { return false }
      index += 1
    }
    return reachable[name.count]
  }
}
