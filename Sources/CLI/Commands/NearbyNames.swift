internal import LogsClient
internal import LogsText
internal import LogsWire

/// What may have been meant by a name or pattern that no stream has.
enum NearbyNames {
  /// The names of streams that may have been meant; the server's own only if they may have been.
  static func existing(for words: [String], _ client: LogClient) async throws(LogError) -> [String] {
    let names = try await client.streams().map(\.stream.text)
    guard words.contains(where: { $0.utf8.first == UInt8(ascii: "$") }) else { return names }
    return names + (try await client.streams(matching: StreamPattern("$**")).map(\.stream.text))
  }

  /// - Parameters:
  ///   - word: a name or a pattern.
  ///   - existing: the names of streams.
  /// - Returns: a name, or for a pattern another one that matches some; nil if none is near.
  static func nearest(to word: String, among existing: [String]) -> String? {
    if StreamPattern.isPattern(word) { return nearestPattern(to: word, among: existing) }
    // Also `nginx` for `docker/nginx`.
    return Spelling.nearest(to: word, among: existing) ?? existing.first { $0.hasSuffix("/\(word)") }
  }

  private static func nearestPattern(to word: String, among existing: [String]) -> String? {
    // `*` ends at a slash.
    let doubled = word.split(separator: "*", omittingEmptySubsequences: true).joined(separator: "**")
    let deep = (word.hasPrefix("*") ? "**" : "") + doubled + (word.hasSuffix("*") && word.count > 1 ? "**" : "")
    if deep != word, existing.contains(where: { matches(deep, $0) }) { return deep }
    for ending in ["/*", "/**"] where word.hasSuffix(ending) {
      let name = String(word.dropLast(ending.count))
      if existing.contains(name) { return name }
    }
    let candidates = Set(existing.compactMap { generalized($0, like: word) })
    return Spelling.nearest(to: word, among: candidates.subtracting([word]).sorted())
  }

  /// A name with wildcards where `pattern` has them; nil if it has other parts.
  private static func generalized(_ name: String, like pattern: String) -> String? {
    let parts = name.split(separator: "/")
    let wanted = pattern.split(separator: "/")
    var made: [Substring] = []
    for (index, part) in wanted.enumerated() {
      if part.contains("**") {
        made += wanted[index...]
        break
      }
      guard index < parts.count else { return nil }
      guard let wildcard = part.firstIndex(where: { $0 == "*" || $0 == "?" }) else {
        made.append(parts[index])
        continue
      }
      let head = part[..<wildcard]
      made.append(parts[index].prefix(head.count) + part[wildcard...])
    }
    let text = made.joined(separator: "/")
    return matches(text, name) ? text : nil
  }

  private static func matches(_ pattern: String, _ name: String) -> Bool {
    do throws(LogError) {
      let isOwn = name.utf8.first == UInt8(ascii: "$")
      return try StreamPattern(pattern).matches(isOwn ? StreamName(server: name) : StreamName(name))
    } catch { return false }
  }
}
