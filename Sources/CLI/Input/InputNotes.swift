internal import LogsText

/// Notes about input that did not become entries exactly as it was.
struct InputNotes {
  let report: LineCutter.Report

  /// What was lost; nil if nothing was.
  var cutLines: String? {
    guard report.cutLineCount > 0 else { return nil }
    let were = report.cutLineCount == 1 ? "1 line was" : "\(report.cutLineCount) lines were"
    let isListed = report.cutLineCount == UInt64(report.cutLineByteCounts.count)
    let lengths =
      isListed
      ? report.cutLineByteCounts.map(String.init).joined(separator: ", ") : "up to \(report.cutLineByteCountMax)"
    return "\(were) cut at 1 MiB, of \(lengths) bytes; --split keeps such lines whole"
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
}
