/// Words with braces, which stand for several: `app/{api,web}` is `app/api` and `app/web`.
enum Braces {
  private static let countMax = 64

  /// - Throws: `CommandError` for braces that do not stand for several words, and for brackets.
  static func words(_ text: String) throws(CommandError) -> [String] {
    if text.contains("[") {
      throw .usage("'\(text)' has brackets, which patterns do not know: write ? for any character, or {a,b} for two")
    }
    var words: [Substring] = [""]
    var rest = text[...]
    while let open = rest.firstIndex(of: "{") {
      let inside = rest[rest.index(after: open)...]
      guard let close = inside.firstIndex(of: "}"), !inside[..<close].contains("{"), inside[..<close].contains(",")
      else {
        throw .usage(
          "'\(text)' has braces that are not like {a,b}: two or more words with commas, and none inside them")
      }
      let choices = inside[..<close].split(separator: ",", omittingEmptySubsequences: false)
      guard words.count * choices.count <= countMax else {
        throw .usage("'\(text)' stands for more than \(countMax) words; write a pattern with *")
      }
      words = words.flatMap { word in choices.map { word + rest[..<open] + $0 } }
      rest = inside[inside.index(after: close)...]
    }
    return words.map { String($0 + rest) }
  }
}
