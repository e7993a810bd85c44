/// A stream name in which `*` stands for any run of bytes without `/`, `**` for any run, and `?` for one byte other
/// than `/`.
///
/// The server's own streams, whose names begin with `$`, match only a pattern that begins with `$`.
public struct StreamPattern: Hashable, Sendable, CustomStringConvertible {
  public let text: String
  /// Made once, since a pattern is compared with every name.
  package let matcher: PatternMatcher

  /// Matches every stream except the server's own.
  public static let all = StreamPattern(unchecked: "**")

  /// - Throws: `LogError` with `invalidName`, which says which rule `text` breaks.
  public init(_ text: String) throws(LogError) {
    let isServers = text.utf8.first == UInt8(ascii: "$")
    try StreamName.check(
      isServers ? String(text.unicodeScalars.dropFirst()) : text, what: "pattern", limit: Limits.patternByteCountMax,
      also: [UInt8(ascii: "*"), UInt8(ascii: "?")])
    self.init(unchecked: text)
  }

  private init(unchecked text: String) {
    self.text = text
    matcher = PatternMatcher(Array(text.utf8))
  }

  /// Whether `text` has a wildcard and so is a pattern rather than a name.
  public static func isPattern(_ text: String) -> Bool { text.utf8.contains { $0 == wildcard || $0 == one } }

  public var description: String { text }

  private static let wildcard = UInt8(ascii: "*")
  private static let one = UInt8(ascii: "?")

  /// Whether `name` matches.
  ///
  /// - Complexity: at most one step for each byte of the name and 64 bytes of the pattern.
  public func matches(_ name: StreamName) -> Bool { matcher.match(name.text).isMatch }

  public static func == (left: StreamPattern, right: StreamPattern) -> Bool { left.text == right.text }

  public func hash(into hasher: inout Hasher) { hasher.combine(text) }
}
