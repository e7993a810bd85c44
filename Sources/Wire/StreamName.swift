/// The name of a stream: 1 to 200 bytes of `A-Z a-z 0-9 . _ : @ -` in parts separated by `/`, no part empty.
///
/// Names whose first byte is `$` are the server's own.
public struct StreamName: Hashable, Sendable, Comparable, CustomStringConvertible {
  public let text: String
  /// The text's hash. Kept, since a name is made once and looked up a dozen times on its way through a client or
  /// server.
  private let textHash: Int

  /// - Throws: `LogError` with `invalidName`, which says which rule `text` breaks.
  public init(_ text: String) throws(LogError) {
    try Self.check(text, what: "stream name", limit: Limits.streamNameByteCountMax, also: [])
    self.init(stored: text)
  }

  /// A name that was checked before it was stored.
  package init(stored text: String) {
    self.text = text
    textHash = text.hashValue
  }

  /// One of the server's own names, which begin with `$`.
  package init(server text: String) throws(LogError) {
    // Bytes, not characters: `$` and combining marks after it are one character.
    guard text.utf8.first == UInt8(ascii: "$") else { throw .invalidName("a name of the server's own begins with '$'") }
    try Self.check(
      String(text.unicodeScalars.dropFirst()), what: "stream name", limit: Limits.streamNameByteCountMax, also: [])
    self.init(stored: text)
  }

  public var description: String { text }

  public static func == (left: StreamName, right: StreamName) -> Bool {
    left.textHash == right.textHash && left.text == right.text
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(textHash) }

  public static func < (left: StreamName, right: StreamName) -> Bool { left.text < right.text }

  static func check(_ text: String, what: String, limit: Int, also wildcards: [UInt8]) throws(LogError) {
    let bytes = text.utf8.span
    func shown() -> String { PrintableText.escaped(text) }
    if bytes.isEmpty { throw .invalidName("a \(what) must not be empty") }
    if bytes.count > limit { throw .invalidName("the \(what) has \(bytes.count) bytes; the limit is \(limit)") }
    var partLength = 0
    for index in bytes.indices {
      switch bytes[index] {
      case UInt8(ascii: "/"):
        if partLength == 0 {
          throw .invalidName("the \(what) '\(shown())' has an empty part; write parts like 'docker/nginx'")
        }
        partLength = 0
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"),
        UInt8(ascii: "@"), UInt8(ascii: "-"):
        partLength += 1
      case let other where wildcards.contains(other): partLength += 1
      case UInt8(ascii: "$"):
        throw .invalidName("the \(what) '\(shown())' has a '$', which only the server's own streams may have")
      default:
        throw .invalidName("the \(what) '\(shown())' has a character other than A-Z a-z 0-9 . _ : @ - and /")
      }
    }
    if partLength == 0 {
      throw .invalidName("the \(what) '\(shown())' ends with '/'; write parts like 'docker/nginx'")
    }
  }
}

extension LogError {
  /// Which rule a stream name or pattern breaks.
  fileprivate static func invalidName(_ message: String) -> LogError { LogError(.invalidName, message) }
}
