internal import LogsClient
internal import LogsWire

/// Patterns that no stream matches. Beside operands that name some they may have been meant as a filter.
struct IdlePatterns {
  private let quoted: String
  private let hint: String
  private let advice: String?
  /// Whether other operands name streams.
  let isBesideOthers: Bool

  /// - Returns: nil if there are none, or so many streams match that it is not known.
  static func find(_ operands: StreamOperands, _ client: LogClient) async throws -> IdlePatterns? {
    guard operands.words.contains(where: StreamPattern.isPattern),
      let streams = try await client.matched(by: operands.selectors)
    else { return nil }
    let idle = try operands.words.filter { word in
      try StreamOperands.selectors([word], of: "").allSatisfy { selector in
        // Names that do not exist are reported by themselves.
        guard case .pattern(let pattern) = selector else { return false }
        return !streams.contains(where: pattern.matches)
      }
    }
    if idle.isEmpty { return nil }
    let advice = streams.isEmpty ? nil : operands.advice(filtering: idle.contains)
    let existing = advice == nil ? try await NearbyNames.existing(for: idle, client) : []
    return IdlePatterns(idle, among: existing, advice: advice, isBesideOthers: !streams.isEmpty)
  }

  /// - Parameters:
  ///   - words: the patterns as they were typed.
  ///   - existing: the names of streams.
  init(_ words: [String], among existing: [String], advice: String? = nil, isBesideOthers: Bool = false) {
    quoted = words.map { "'\($0)'" }.joined(separator: ", ")
    hint = MissingStreams.hint(words.compactMap { NearbyNames.nearest(to: $0, among: existing) })
    self.advice = advice
    self.isBesideOthers = isBesideOthers
  }

  /// Says that there are none.
  var absent: String {
    "no stream matches \(quoted)\(advice.map { "; \($0)" } ?? (hint.isEmpty ? "; see logs streams" : hint))"
  }

  /// The same where they are waited for.
  var waiting: String {
    advice == nil ? "waiting for streams that match \(quoted): there are none yet\(hint)" : absent
  }
}
