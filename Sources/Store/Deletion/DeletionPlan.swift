internal import LogsWire

/// What a deletion does to its stream as it is now.
struct DeletionPlan {
  let report: DeletionSummary
  let stream: StreamInfo
  /// Nil when the whole stream goes.
  let remaining: StreamInfo?
  /// The numbers that the archive has to delete, if it has them.
  let archived: ClosedRange<UInt64>

  static func make(
    _ deletion: Deletion, _ catalog: Catalog, _ archive: SegmentArchive
  ) -> Result<DeletionPlan, Refusal> {
    let name = deletion.stream
    guard let stream = catalog[name] else {
      return .failure(Refusal(.unknownStream, "there is no stream '\(name)' to delete from"))
    }
    if deletion.incarnation != .any, deletion.incarnation != stream.incarnation {
      return .failure(
        Refusal(
          .streamReplaced, "the stream '\(name)' is not the one that was meant: it was replaced or created anew",
          stream: .init(name: name.text, incarnation: stream.incarnation, head: stream.head)))
    }
    guard let wanted = deletion.numbers else {
      return .success(
        DeletionPlan(
          report: report(stream, stream.keptRanges), stream: stream, remaining: nil, archived: 1...Limits.numberMax))
    }
    let kept = stream.keptRanges.filter { $0.overlaps(wanted) }.map { $0.clamped(to: wanted) }
    var remaining = stream
    var report = report(stream, kept)
    for range in kept {
      let byteCount = UInt64(Double(report.byteCount) * Double(range.size) / Double(max(report.entryCount, 1)))
      remaining.removals.add(Removal(numbers: range, reason: .deleted, byteCount: byteCount))
    }
    let countMax = Limits.removedRangeCountMax
    // One that was restored from an archive may have more.
    if remaining.removals.ranges.count > max(countMax, stream.removals.ranges.count) {
      return .failure(
        Refusal(
          .badRequest,
          """
          \(countMax) ranges of the stream '\(name)' are deleted, which is the limit; delete one that touches another, \
          or wait until retention has removed some
          """, limit: .init("removed-ranges", UInt64(countMax))))
    }
    let archived: ClosedRange<UInt64>
    do throws(StoreError) {
      report.add(try archive.kept(of: stream, within: wanted), of: stream)
      if report.entryCount == 0 {
        return .success(DeletionPlan(report: report, stream: stream, remaining: remaining, archived: wanted))
      }
      archived = wanted.clamped(to: 1...max(stream.head, 1))
      if try archive.isFull(for: ArchiveNotes.Deletion(stream: stream.id, numbers: archived)) {
        let countMax = ArchiveHead.removedRangeCountMax
        return .failure(
          Refusal(
            .badRequest,
            """
            \(countMax) ranges of the stream '\(name)' are deleted in the archive, which is the limit; delete one that \
            touches another, or the whole stream, or have old segments go from the archive (archive-retention-age)
            """, limit: .init("archive-ranges", UInt64(countMax))))
      }
    } catch {
      return .failure(Refusal(.storageFailed, "nothing was deleted: \(error)", isRetryable: true))
    }
    return .success(DeletionPlan(report: report, stream: stream, remaining: remaining, archived: archived))
  }

  private static func report(_ stream: StreamInfo, _ ranges: [ClosedRange<UInt64>]) -> DeletionSummary {
    let count = ranges.reduce(0) { $0 + $1.size }
    var numbers: ClosedRange<UInt64>?
    if let first = ranges.first, let last = ranges.last { numbers = first.lowerBound...last.upperBound }
    let share = Double(count) / Double(max(stream.keptEntryCount, 1))
    return DeletionSummary(
      incarnation: stream.incarnation, numbers: numbers, entryCount: count,
      byteCount: UInt64(Double(stream.keptByteCount) * min(share, 1)))
  }
}

extension DeletionSummary {
  /// Adds what only the archive has.
  fileprivate mutating func add(_ ranges: [ClosedRange<UInt64>], of stream: StreamInfo) {
    for range in ranges {
      let share = Double(range.size) / Double(max(stream.entryCount, 1))
      entryCount += range.size
      byteCount += UInt64(Double(stream.storedByteCount) * min(share, 1))
      let known = numbers ?? range
      numbers = min(known.lowerBound, range.lowerBound)...max(known.upperBound, range.upperBound)
    }
  }
}
