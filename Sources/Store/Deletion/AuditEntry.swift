internal import LogsSystem
internal import LogsWire

/// What `$audit` says of a deletion.
struct AuditEntry {
  /// One line for people.
  let text: String
  private let entry: LogEntry

  init(_ deletion: Deletion, _ report: DeletionSummary, time: Int64) {
    var what = "no entries"
    var attributes: [LogAttribute] = [
      LogAttribute("action", "delete"), LogAttribute("author", .string(deletion.author)),
      LogAttribute("stream", .string(deletion.stream.text)),
      LogAttribute("incarnation", .string(report.incarnation.description)),
      LogAttribute("whole", .boolean(deletion.numbers == nil)),
      LogAttribute("entries", .integer(Int64(clamping: report.entryCount))),
    ]
    if let numbers = report.numbers {
      what = "\(Figures.count(report.entryCount, "entry", "entries")), \(numbers.lowerBound) to \(numbers.upperBound)"
      attributes.append(LogAttribute("from", .integer(Int64(clamping: numbers.lowerBound))))
      attributes.append(LogAttribute("to", .integer(Int64(clamping: numbers.upperBound))))
    }
    let part = deletion.numbers == nil ? "" : "a part of "
    text = "\(deletion.author) deleted \(part)the stream '\(deletion.stream)': \(what)"
    entry = LogEntry(
      message: ByteString(text), time: time, severity: .notice, source: OwnStreams.source, attributes: attributes)
  }

  func batch() -> Batch {
    var builder = BatchBuilder(seed: HashSeed.process)
    do throws(InvalidEntry) { _ = try builder.append(entry) } catch {
      preconditionFailure("an entry of the audit is within the limits: \(error)")
    }
    return builder.finish(compressor: Compressor())
  }
}
