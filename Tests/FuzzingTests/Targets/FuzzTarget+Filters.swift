@testable import LogsWire

extension FuzzTarget {
  /// The text of a filter: it is read, or refused at a place in it; what is read means the same as its own text, and
  /// chooses entries one by one.
  static let filters = FuzzTarget(
    name: "filters", byteCountMax: 512, words: filterWords,
    seeds: { try SeedVectors.filters().map { Array($0.utf8) } },
    run: { input in
      let text = String(decoding: input.all(), as: UTF8.self)
      let filter: Filter
      do throws(FilterError) { filter = try Filter(text, times: filterTimes) } catch {
        let columns = 1...text.unicodeScalars.count + 1
        try BrokenRule.check(columns.contains(error.column), "an error in column \(error.column)")
        try BrokenRule.check(
          error.reason.unicodeScalars.allSatisfy { PrintableText.isHarmless($0) },
          "the reason is not fit for a terminal: \(error.reason.debugDescription)")
        return
      }
      let again: Filter
      do throws(FilterError) { again = try Filter(filter.text) } catch {
        throw BrokenRule("\(text.debugDescription) becomes \(filter.text.debugDescription): \(error)")
      }
      try BrokenRule.check(
        again == filter && again.text == filter.text,
        "\(text.debugDescription) becomes \(filter.text.debugDescription), which is another filter")
      try FilterRules.check(filter, on: filterSample.batch, filterSample.entries)
      guard let highlighter = FilterHighlighter(filter) else { return }
      for entry in filterSample.entries {
        var end = -1
        for range in highlighter.ranges(in: entry.message) {
          try BrokenRule.check(
            range.lowerBound > end && !range.isEmpty && range.upperBound <= entry.message.count,
            "\(text.debugDescription) highlights \(range)")
          end = range.upperBound
        }
      }
    })

  private static let filterTimes = FilterTimes(remedy: "write now") { $0 == "now" ? 1_764_324_000_000_000_000 : nil }

  private static let filterSample: (batch: Batch, entries: [LogEntry]) = {
    do {
      let batch = try SampleEntries.numbered(SampleEntries.all)
      var decoder = BatchDecoder()
      return (batch, try decoder.entries(of: batch))
    } catch { fatalError("\(error)") }
  }()

  private static let filterWords = [
    " AND ", " OR ", "NOT ", "(", ")", "-", "\"", "\\", "/", "/i", "=", ":", "==", "!=", ">", "<", ">=", "<=", "~",
    "!~", "level:", "source:", "message:", "kind:", "stream:", "seq:", "time:", "warn", "info", "error", "..", "*",
    "**",
    "2026-11-28T10:00:00Z", "2026-11-28T10:00+01:00", "9223372036854775807", "now", "1.5s", "(?=", "(?i)", "[a-z]",
    "{1,9}", "\\d", "\\b", "status", "a.b", "GET", "docker/", "://", "&&", "||", "İ", "ß",
  ]
}
