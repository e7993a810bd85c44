internal import LogsWire

/// Values of fields that are read otherwise than somebody may have meant: why such a filter found nothing.
enum ValueHints {
  private static let fields = ["level", "kind", "stream", "seq", "time"]

  static func hint(_ word: FilterWords.Word) -> String? {
    guard !word.hasDelimiters, let name = word.fieldName else { return nil }
    let rest = word.text.dropFirst(name.count)
    let symbol = rest.prefix { ":=!~<>".contains($0) }
    let value = String(rest.dropFirst(symbol.count))
    guard !value.isEmpty, !fields.contains(name) else { return nil }
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
}
