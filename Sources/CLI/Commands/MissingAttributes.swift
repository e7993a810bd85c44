internal import LogsClient
internal import LogsText
internal import LogsWire

/// Says why nothing was found, where the filter asks for an attribute that no entry has.
struct MissingAttributes {
  /// How long entries are looked at for it, and again for the names that they have. A query that found nothing has
  /// looked at all of them already.
  private static let timeMax = Duration.milliseconds(250)

  private let client: LogClient
  private let selectors: [StreamSelector]
  /// The times and numbers that were searched; nil for all.
  private let range: Filter?

  /// - Parameters:
  ///   - texts: the parts of the filter as they were written.
  ///   - range: the times and numbers that were searched; nil for all.
  /// - Returns: nil if every attribute was found, or it is not known in time.
  static func hint(
    _ filter: Filter, _ texts: [String], _ client: LogClient, _ selectors: [StreamSelector], _ range: Filter?
  ) async throws -> String? {
    let names = filter.wantedAttributes
    if names.isEmpty { return nil }
    let search = MissingAttributes(client: client, selectors: selectors, range: range)
    let missing = try await inTime {
      var missing: [String] = []
      for name in names where !(try await search.isThere(name)) { missing.append(name) }
      return missing
    }
    guard let missing, let first = missing.first else { return nil }
    let all = missing.map { "'\($0)'" }.joined(separator: " or ")
    let remedy =
      try await search.likeness(of: first) ?? fieldRemedies[first.lowercased()] ?? quotesRemedy(first, texts)
    return "no entry that was searched has an attribute \(all)\(remedy.map { "; \($0)" } ?? "")"
  }

  /// - Returns: nil if it takes too long.
  private static func inTime<Result: Sendable>(
    _ body: @escaping @Sendable () async throws -> Result
  ) async throws -> Result? {
    try await withThrowingTaskGroup(of: Result?.self) { group in
      group.addTask { try await body() }
      group.addTask {
        try await Task.sleep(for: timeMax)
        return nil
      }
      defer { group.cancelAll() }
      return try await group.next() ?? nil
    }
  }

  private func isThere(_ name: String) async throws -> Bool {
    let exists = try Filter("\(ShortFilter.quoted(name)):*")
    let found = client.query(
      selectors, filter: try range?.and(exists) ?? exists, limit: 1, isReverse: true, onGap: .ignore)
    for try await _ in found { return true }
    try Task.checkCancellation()
    return false
  }

  // MARK: What to write instead

  /// An attribute of nearly the same name that entries have: in another case, without the `@`, or misspelled.
  private func likeness(of name: String) async throws -> String? {
    let (client, selectors, range) = (client, selectors, range)
    let there = try await Self.inTime {
      try await client.fields(selectors, filter: range, valueCountMax: 1).fields.filter { $0.kind == .attribute }
        .map(\.name)
    }
    let plain = Self.plain(name)
    let same = there?.first { $0 != name && Self.plain($0) == plain }
    // Short names are near to many.
    let near = name.utf8.count > 3 ? there.flatMap { Spelling.nearest(to: name, among: $0) } : nil
    return (same ?? near).map { "there is '\($0)'" }
  }

  private static func plain(_ name: String) -> String { String(name.lowercased().drop { $0 == "@" }) }

  /// What other programs call the fields that every entry has.
  private static let fieldRemedies: [String: String] = {
    let rows: [(remedy: String, names: [String])] = [
      ("write time>=... for when it was", ["_time", "@timestamp", "@t", "timestamp", "ts", "datetime"]),
      ("write a word alone, or message:..., for the text of entries", ["_msg", "log", "text", "@m"]),
      ("write level>=... for their level", ["lvl", "loglevel", "log.level", "@l"]),
      ("write source:... for where they come from", ["service", "logger", "host", "app", "hostname"]),
    ]
    return Dictionary(uniqueKeysWithValues: rows.flatMap { row in row.names.map { ($0, row.remedy) } })
  }()

  /// For a term that may have been meant as text; nil if it can only be about an attribute.
  private static func quotesRemedy(_ name: String, _ texts: [String]) -> String? {
    let words = texts.flatMap { FilterWords($0).words }
    guard let word = words.first(where: { $0.fieldName == name && !$0.isNegated }), !word.hasDelimiters,
      !word.text.contains("*")
    else { return nil }
    return "text that holds =, :, <, > or ~ stands in quotes, like \(ShortFilter.quoted(word.text))"
  }
}
