internal import LogsStore
internal import LogsText
internal import LogsWire

/// Lines about what is tried again and again: the first of a text is passed on, those after it are counted, and the
/// count is reported once a minute.
struct RetryCounts {
  private struct Case {
    var count = 0
    var summaryAt: MonotonicTime
  }

  private var cases: [String: Case] = [:]

  static let interval = Duration.seconds(60)
  /// How many texts are kept apart; one more is passed on each time.
  static let caseCountMax = 64

  /// - Returns: whether the line is the first.
  mutating func isFirst(_ text: String, now: MonotonicTime) -> Bool {
    if cases[text] != nil {
      cases[text]?.count += 1
      return false
    }
    if cases.count < Self.caseCountMax { cases[text] = Case(summaryAt: now + Self.interval) }
    return true
  }

  /// What is to be reported now. A text that did not come for a minute is a first one again.
  mutating func summaries(now: MonotonicTime) -> [LogLine] {
    var lines: [LogLine] = []
    for (text, found) in cases.sorted(by: { $0.key < $1.key }) where now >= found.summaryAt {
      cases[text] = found.count == 0 ? nil : Case(summaryAt: now + Self.interval)
      if found.count > 0 {
        lines.append(.warn("\(Figures.count(found.count, "more time", "more times")) in the last minute: \(text)"))
      }
    }
    return lines
  }
}
