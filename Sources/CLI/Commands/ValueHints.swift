internal import LogsWire

/// Values of fields that are read otherwise than somebody may have meant.
enum ValueHints {
  private static let fields = ["level", "kind", "stream", "seq", "time"]

  /// Why such a filter found nothing.
  static func hint(_ word: FilterWords.Word) -> String? {
    // Of digits with commas more is said, whatever is found.
    guard let (name, symbol, value) = parts(word), groupedDigits(word) == nil else { return nil }
    switch symbol {
    case ":", "=", "==":
      if name == "message", !value.contains("*") {
        return "message:\(value) is about the whole message; write \(value) alone for a part of it"
      }
      let items = value.split(separator: ",", omittingEmptySubsequences: false)
      guard items.count > 1, !items.contains(""), !value.contains("*") else { return nil }
      return "'\(value)' is one value, commas and all; one of several is written \(name):(\(value))"
    case ">", ">=", "<", "<=":
      // Numbers are compared as such, and all else as text.
      guard name != "source", name != "message", Double(value) == nil else { return nil }
      return "'\(value)' is no number: \(name)\(symbol)\(value) compares text, byte by byte"
    default: return nil
    }
  }

  /// About a number with commas between its digits, which is text, and as such above or below others by its letters.
  static func groupedDigits(_ word: FilterWords.Word) -> String? {
    guard let (name, symbol, value) = parts(word), symbol != "~", symbol != "!~" else { return nil }
    // A single value that is equal may be meant as it is.
    guard value.contains("..") || symbol.contains("<") || symbol.contains(">") else { return nil }
    guard name != "source", name != "message", let plain = withoutCommas(value) else { return nil }
    return "'\(word.text)' compares text, byte by byte: a number has no commas; write \(name)\(symbol)\(plain)"
  }

  /// The same number or range without commas; nil if it has none, or is something else.
  private static func withoutCommas(_ value: String) -> String? {
    let pattern = /-?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?/
    let bounds = value.split(separator: "..", omittingEmptySubsequences: false)
    guard bounds.count <= 2, bounds.contains(where: { $0.wholeMatch(of: pattern) != nil }),
      bounds.allSatisfy({ $0.isEmpty || Double($0) != nil || $0.wholeMatch(of: pattern) != nil })
    else { return nil }
    return value.replacing(",", with: "")
  }

  /// The name of an attribute or of a field with text, the operator, and the value.
  private static func parts(_ word: FilterWords.Word) -> (name: String, symbol: String, value: String)? {
    guard !word.hasDelimiters, let name = word.fieldName, !fields.contains(name) else { return nil }
    let rest = word.text.dropFirst(name.count)
    let symbol = rest.prefix { ":=!~<>".contains($0) }
    let value = rest.dropFirst(symbol.count)
    return value.isEmpty ? nil : (name, String(symbol), String(value))
  }
}
