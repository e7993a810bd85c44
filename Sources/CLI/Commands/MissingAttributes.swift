internal import LogsClient
internal import LogsWire

/// Says why nothing was found, where the filter asks for an attribute that no entry has.
enum MissingAttributes {
  /// How long entries are looked at for it. A query that found nothing has looked at all of them already.
  private static let timeMax = Duration.milliseconds(250)

  /// - Parameter range: the times and numbers that were searched; nil for all.
  /// - Returns: nil if every attribute was found, or it is not known in time.
  static func hint(
    _ filter: Filter, _ client: LogClient, _ selectors: [StreamSelector], _ range: Filter?
  ) async throws -> String? {
    let names = filter.wantedAttributes
    if names.isEmpty { return nil }
    return try await withThrowingTaskGroup(of: [String]?.self) { group in
      group.addTask {
        var missing: [String] = []
        for name in names where !(try await isThere(name, client, selectors, range)) { missing.append(name) }
        return missing
      }
      group.addTask {
        try await Task.sleep(for: timeMax)
        return nil
      }
      defer { group.cancelAll() }
      guard let missing = try await group.next() ?? nil, let first = missing.first else { return nil }
      let all = missing.map { "'\(PrintableText.escaped($0))'" }.joined(separator: " or ")
      return """
        no entry that was searched has an attribute \(all); text that holds =, :, <, > or ~ stands in quotes, like \
        \(ShortFilter.quoted("\(PrintableText.escaped(first))=x"))
        """
    }
  }

  private static func isThere(
    _ name: String, _ client: LogClient, _ selectors: [StreamSelector], _ range: Filter?
  ) async throws -> Bool {
    let exists = try Filter("\(ShortFilter.quoted(name)):*")
    let found = client.query(
      selectors, filter: try range?.and(exists) ?? exists, limit: 1, isReverse: true, onGap: .ignore)
    for try await _ in found { return true }
    try Task.checkCancellation()
    return false
  }
}
