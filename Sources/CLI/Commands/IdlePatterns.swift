internal import LogsClient
internal import LogsWire

/// Patterns that no stream matches, beside operands that name some: they may have been meant as a filter.
enum IdlePatterns {
  /// Names them and says what to write; nil if there are none.
  static func sentence(_ operands: StreamOperands, _ client: LogClient) async throws -> String? {
    guard operands.words.count > 1, operands.words.contains(where: StreamPattern.isPattern),
      let streams = try await client.matched(by: operands.selectors), !streams.isEmpty
    else { return nil }
    let idle = try operands.words.filter { word in
      try StreamOperands.selectors([word], of: "").allSatisfy { selector in
        // Names that do not exist are reported by themselves.
        guard case .pattern(let pattern) = selector else { return false }
        return !streams.contains(where: pattern.matches)
      }
    }
    if idle.isEmpty { return nil }
    let quoted = idle.map { "'\($0)'" }.joined(separator: ", ")
    return "no stream matches \(quoted); \(operands.advice(filtering: idle.contains) ?? "see logs streams")"
  }
}
