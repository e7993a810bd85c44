@testable import LogsWire

/// What must hold for a filter and a numbered batch.
enum FilterRules {
  /// The entries that pass are those that pass each in a batch of its own, what is extracted is a sound batch of them,
  /// and what an index looks for is in them.
  static func check(_ filter: Filter, on batch: Batch, _ entries: [LogEntry]) throws {
    guard entries.count <= 64 else { return }
    let evaluator = FilterEvaluator()
    let stream = SampleEntries.stream
    let range = batch.header.firstSequence...batch.header.lastSequence
    guard let (passing, undecided) = try? evaluator.numbers(of: batch, filter, stream: stream, in: range) else {
      return
    }
    for entry in entries where !undecided.contains(entry.sequence) {
      let single = try SampleEntries.numbered([entry], first: entry.sequence, received: entry.received)
      let number = entry.sequence...entry.sequence
      guard let alone = try? evaluator.numbers(of: single, filter, stream: stream, in: number), alone.undecided.isEmpty
      else { continue }
      let passes = passing.contains(entry.sequence)
      try BrokenRule.check(
        passes == !alone.passing.isEmpty,
        "\(filter.text.debugDescription): entry \(entry.sequence) passes \(passes ? "here" : "alone") only")
      if passes {
        try BrokenRule.check(
          has(filter.textNeed, in: entry.message),
          "\(filter.text.debugDescription): an index would not find entry \(entry.sequence)")
      }
    }
    for isReverse in [false, true] {
      let request = FilterEvaluator.Request(
        filter: filter, stream: stream, seed: SampleEntries.seed, numbers: range, countMax: 3, isReverse: isReverse)
      guard let outcome = try? evaluator.evaluate(batch, request) else { continue }
      try check(outcome, of: entries, passing: passing, isReverse: isReverse)
    }
  }

  private static func check(
    _ outcome: FilterEvaluator.Outcome, of entries: [LogEntry], passing: Set<UInt64>, isReverse: Bool
  ) throws {
    switch outcome {
    case .nothing: try BrokenRule.check(passing.isEmpty, "nothing passes, and something")
    case .everything: try BrokenRule.check(passing.count == entries.count, "everything passes, and not everything")
    case .undecided: break
    case .part(let part, let count, _):
      try BrokenRule.check(BatchRules.isSound(part), "what is extracted is not sound")
      try BrokenRule.check(part.hasValidServerCheck(seed: SampleEntries.seed), "what is extracted is not signed")
      var decoder = BatchDecoder()
      let kept = try decoder.entries(of: part)
      let wanted = entries.filter { passing.contains($0.sequence) }
      let expected = isReverse ? wanted.suffix(3) : wanted.prefix(3)
      try BrokenRule.check(
        kept.count == count && kept.map { SampleEntries.text($0) } == expected.map { SampleEntries.text($0) },
        "other entries are extracted")
    }
  }

  /// Whether a message has what is needed, in whatever case.
  private static func has(_ need: TextNeed, in message: ByteString) -> Bool {
    switch need {
    case .anything: return true
    case .text(let text, _):
      let (plain, folded) = (message.array, CaseFolding.folded(message.span))
      return text.isEmpty || contains(text, in: plain) || contains(text, in: folded)
    case .all(let needs): return needs.allSatisfy { has($0, in: message) }
    case .either(let needs): return needs.contains { has($0, in: message) }
    }
  }

  private static func contains(_ text: [UInt8], in bytes: [UInt8]) -> Bool {
    bytes.indices.contains { bytes[$0...].starts(with: text) }
  }
}
