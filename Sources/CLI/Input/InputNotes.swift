internal import LogsText

/// What a push says of input that has not become text as it stands.
struct InputNotes {
  let report: LineCutter.Report

  /// What is lost of it; nil when nothing is.
  var cutLines: String? {
    guard report.cutLineCount > 0 else { return nil }
    let were = report.cutLineCount == 1 ? "1 line was" : "\(report.cutLineCount) lines were"
    let isListed = report.cutLineCount == UInt64(report.cutLineByteCounts.count)
    let lengths =
      isListed
      ? report.cutLineByteCounts.map(String.init).joined(separator: ", ") : "up to \(report.cutLineByteCountMax)"
    return "\(were) cut at 1 MiB, of \(lengths) bytes; --split keeps such lines whole"
  }

  /// What else there was; nil when there was nothing.
  var others: String? {
    var parts: [String] = []
    if report.splitLineCount > 0 { parts.append("lines over 1 MiB that were split: \(report.splitLineCount)") }
    if report.skippedNULCount > 0 {
      parts.append("NULs in front of lines that were passed over: \(report.skippedNULCount)")
    }
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
  }
}
