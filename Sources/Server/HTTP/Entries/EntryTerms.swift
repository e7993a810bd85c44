internal import LogsText
internal import LogsWire

/// The parameters that say which entries are wanted: `filter` in the language of filters, and short forms beside it.
enum EntryTerms {
  static let names = ["filter", "level", "source", "search"]

  /// All of them together; nil for every entry.
  ///
  /// - Parameter usual: the filter where the request has none.
  static func filter(_ target: HTTPTarget, _ now: Int64, else usual: String? = nil) throws(HTTPProblem) -> Filter? {
    var parts: [String] = []
    if let text = target["filter"] ?? usual, !text.isEmpty { parts.append(text) }
    if let level = target["level"], !level.isEmpty {
      guard LogSeverity(name: level) != nil else {
        throw HTTPProblem(400, "level takes the lowest level that is wanted, like warn, not '\(level)'")
      }
      parts.append("level>=\(level)")
    }
    if let source = target["source"], !source.isEmpty { parts.append(part(of: "source", source)) }
    if let text = target["search"], !text.isEmpty { parts.append(quoted(text)) }
    return try filter(parts, now)
  }

  static func filter(_ parts: [String], _ now: Int64) throws(HTTPProblem) -> Filter? {
    var filter: Filter?
    do throws(FilterError) {
      for part in parts {
        let next = try Filter(part, times: .local(now: now))
        filter = try filter?.and(next) ?? next
      }
    } catch { throw HTTPProblem(400, error.description) }
    return filter
  }

  /// A field that holds some text, in any case.
  static func part(of field: String, _ text: String) -> String {
    "\(field)~/\(text.unicodeScalars.map { "\\x{\(String($0.value, radix: 16))}" }.joined())/i"
  }

  static func quoted(_ text: String) -> String {
    "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n"))\""
  }
}
