package import LogsWire

/// How the name of a source's stream is made: text with words in braces, such as `docker/{container}`.
package struct StreamTemplate: Hashable, Sendable {
  package let text: String
  private let parts: [Part]

  private enum Part: Hashable {
    case text(String)
    case word(String)
  }

  package static let files = StreamTemplate(checked: "files/{path}")
  package static let docker = StreamTemplate(checked: "docker/{container}")

  /// - Parameter words: the words that the source knows.
  /// - Throws: `LogError` with `invalidName`, which says what is wrong.
  package init(_ text: String, words: [String]) throws(LogError) {
    var parts: [Part] = []
    var rest = text[...]
    while let open = rest.firstIndex(of: "{") {
      if open > rest.startIndex { parts.append(.text(String(rest[..<open]))) }
      rest = rest[open...].dropFirst()
      guard let close = rest.firstIndex(of: "}") else {
        throw LogError(.invalidName, "the stream '\(text)' has a '{' without '}'")
      }
      let word = String(rest[..<close])
      guard words.contains(word) else {
        let known = words.map { "{\($0)}" }.joined(separator: ", ")
        throw LogError(.invalidName, "the stream '\(text)' has {\(word)}; the source knows \(known)")
      }
      parts.append(.word(word))
      rest = rest[close...].dropFirst()
    }
    if !rest.isEmpty { parts.append(.text(String(rest))) }
    self.text = text
    self.parts = parts
    for case .text(let fixed) in parts where Self.sanitized(fixed) != fixed {
      throw LogError(.invalidName, "the stream '\(text)' has a character other than A-Z a-z 0-9 . _ : @ - and /")
    }
    if parts.isEmpty { throw LogError(.invalidName, "a stream needs a name") }
  }

  private init(checked text: String) {
    self.text = text
    let pieces = text.split(separator: "{", maxSplits: 1)
    parts = [.text(String(pieces[0])), .word(String(pieces[1].dropLast()))]
  }

  /// Whether one of these words is in it.
  func hasWord(of words: [String]) -> Bool {
    parts.contains { if case .word(let word) = $0 { words.contains(word) } else { false } }
  }

  /// The text that the name is made of.
  private func wish(_ value: (String) -> String) -> String {
    var name = ""
    for part in parts {
      switch part {
      case .text(let text): name += text
      case .word(let word): name += value(word)
      }
    }
    return name
  }

  /// Whether a name says the values of its words as they are: no character was replaced, nothing was cut.
  func isExact(_ value: (String) -> String) -> Bool {
    let wish = wish(value)
    return Self.sanitized(wish) == wish
      && wish.split(separator: "/").joined(separator: "/").utf8.count <= Limits.streamNameByteCountMax
  }

  /// The name with the values of its words. What no stream name can have becomes `_`, parts that are empty are left
  /// out, and a name that is too long keeps its end.
  package func stream(_ value: (String) -> String) -> StreamName {
    Self.valid(wish(value))
  }

  /// A name that is near to `text`.
  package static func valid(_ text: String) -> StreamName {
    let parts = sanitized(text).split(separator: "/").filter { $0 != "." && $0 != ".." }
    var name = parts.isEmpty ? "unnamed" : parts.joined(separator: "/")
    if name.utf8.count > Limits.streamNameByteCountMax {
      name = String(name.suffix(Limits.streamNameByteCountMax))
      while name.hasPrefix("/") { name.removeFirst() }
    }
    return StreamName(stored: name)
  }

  private static func sanitized(_ text: String) -> String {
    String(
      decoding: text.utf8.map { byte in
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"),
          UInt8(ascii: "@"), UInt8(ascii: "-"), UInt8(ascii: "/"):
          byte
        default: UInt8(ascii: "_")
        }
      }, as: UTF8.self)
  }
}
