@testable import LogsWire

/// What must hold for a batch that was checked.
enum BatchRules {
  private static let filters: [Filter] = [
    "a", "=GET", "level>=warn", "status:200", "a.b", "/[a-c]/", "time>=2026-01-01T00:00:00Z",
  ]
  .compactMap { try? Filter($0) }

  /// Checks the batch as a server does, reads it as a client does, and compares.
  static func check(_ batch: Batch) throws {
    let isSound = isSound(batch)
    var decoder = BatchDecoder()
    let entries: [LogEntry]
    do { entries = try decoder.entries(of: batch) } catch {
      if isSound { throw BrokenRule("a sound batch cannot be read: \(error)") }
      _ = try? decoder.effectiveTimes(of: batch)
      _ = try? decoder.sequences(of: batch)
      return
    }
    guard isSound else { return }
    try check(entries, of: batch)
    try BrokenRule.check(
      try decoder.effectiveTimes(of: batch) == entries.map(\.effectiveTime)
        && (batch.header.firstSequence == 0 || decoder.sequences(of: batch) == entries.map(\.sequence)),
      "times or numbers alone are other ones")
    try checkWritten(entries, &decoder)
    guard batch.header.firstSequence > 0 else { return }
    for filter in filters { try FilterRules.check(filter, on: batch, entries) }
  }

  static func isSound(_ batch: Batch) -> Bool {
    var checker = BatchChecker()
    do throws(WireDecodingError) {
      if batch.header.firstSequence == 0 {
        try checker.check(appended: batch)
      } else {
        try checker.check(numbered: batch)
      }
      return true
    } catch { return false }
  }

  private static func check(_ entries: [LogEntry], of batch: Batch) throws {
    let header = batch.header
    try BrokenRule.check(entries.count == Int(header.count), "\(entries.count) entries of \(header.count)")
    var mask: UInt32 = 0
    var expanded = 0
    for entry in entries {
      mask |= 1 << UInt32(entry.severity.number)
      expanded += entry.message.count + entry.source.count
      try BrokenRule.check(
        entry.message.count <= Limits.messageByteCountMax && entry.source.count <= Limits.sourceByteCountMax
          && entry.attributes.count <= Limits.attributeCountMax, "an entry is larger than it may be")
      try BrokenRule.check(
        header.firstSequence == 0 || header.effectiveTimes.contains(entry.effectiveTime), "a time outside of the header"
      )
    }
    try BrokenRule.check(mask == header.severities, "severities \(mask), not \(header.severities)")
    try BrokenRule.check(expanded <= Limits.batchExpandedByteCountMax, "\(expanded) bytes")
    guard header.span > 0 else { return }
    for (previous, next) in zip(entries, entries.dropFirst()) {
      try BrokenRule.check(previous.sequence < next.sequence, "the numbers do not rise")
    }
    if let first = entries.first, let last = entries.last {
      try BrokenRule.check(
        first.sequence >= header.firstSequence && last.sequence <= header.lastSequence, "numbers outside of the header")
    }
  }

  /// Entries that were read can be written, unless they are many, and are read as they were.
  private static func checkWritten(_ entries: [LogEntry], _ decoder: inout BatchDecoder) throws {
    guard entries.count <= 200, entries.reduce(0, { $0 + $1.message.count }) < 1 << 16 else { return }
    // What is not UTF-8 in keys is replaced by what is longer, and may then be there twice.
    let isText = entries.allSatisfy { !"\($0.attributes)".unicodeScalars.contains("\u{fffd}") }
    guard isText else { return }
    let batch: Batch
    do { batch = try SampleEntries.batch(entries) } catch {
      throw BrokenRule("entries that were read cannot be written: \(error)")
    }
    let again = try decoder.entries(of: batch)
    for (entry, other) in zip(entries, again) {
      let texts = (SampleEntries.text(entry, numbered: false), SampleEntries.text(other, numbered: false))
      try BrokenRule.check(texts.0 == texts.1, "\(texts.0) becomes \(texts.1)")
    }
  }
}
