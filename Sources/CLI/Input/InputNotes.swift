internal import LogsText
internal import LogsWire

/// Notes about input that did not become entries exactly as it was.
struct InputNotes {
  let report: LineCutter.Report
  let changes: LineChanges
  let format: LineFormat

  /// What was lost; nil if nothing was.
  var cutLines: String? {
    let tally = changes[.cut]
    guard report.cutLineCount > 0 else { return nil }
    let isListed = report.cutLineCount == UInt64(report.cutLineByteCounts.count)
    let lengths =
      isListed
      ? report.cutLineByteCounts.map(String.init).joined(separator: ", ") : "up to \(report.cutLineByteCountMax)"
    return """
      \(Self.linesWere(report.cutLineCount)) cut at 1 MiB, of \(lengths) bytes\(Self.first(tally)); --split keeps such \
      lines whole
      """
  }

  /// What is not as it was, though nothing was lost.
  var otherChanges: [String] {
    var notes: [String] = []
    if changes[.unrecognized].count > 0 {
      let tally = changes[.unrecognized]
      let lines = Figures.count(tally.count, "line is", "lines are")
      notes.append("\(lines) not in the format \(format.rawValue), and kept as raw\(Self.first(tally))")
    }
    if changes[.decoded].count > 0 {
      let tally = changes[.decoded]
      notes.append(
        "\(Self.linesWere(tally.count)) decoded from UTF-16\(Self.first(tally)); --format raw keeps the bytes")
    }
    return notes
  }

  /// What else there was; nil if there was nothing.
  var others: String? {
    var parts: [String] = []
    if report.splitLineCount > 0 { parts.append("lines over 1 MiB that were split: \(report.splitLineCount)") }
    if report.skippedNULCount > 0 {
      parts.append("NUL bytes in front of lines that were left out: \(report.skippedNULCount)")
    }
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
  }

  private static func linesWere(_ count: UInt64) -> String { Figures.count(count, "line was", "lines were") }

  /// Where the first of them is.
  private static func first(_ tally: LineChanges.Tally) -> String {
    guard let first = tally.first else { return "" }
    return tally.count == 1 ? " (sequence number \(first))" : " (the first has sequence number \(first))"
  }
}
