internal import LogsStore
internal import LogsWire

extension StoreStatistics {
  /// The facts about the store in STAT.
  var facts: [ServerFact] {
    [
      ServerFact("streams", streamCount),
      ServerFact("segments", segmentCount),
      ServerFact("sealed_segments", sealedSegmentCount),
      ServerFact("damaged_segments", damagedSegmentCount),
      ServerFact("missing_segments", missingSegmentCount),
      ServerFact("trimmed_segments_total", trimmedSegmentCount),
      ServerFact("trimmed_by_age_bytes_total", trimmedByteCountByAge),
      ServerFact("trimmed_by_size_bytes_total", trimmedByteCountBySize),
      ServerFact("rewritten_segments_total", rewrittenSegmentCount),
      ServerFact("rewriting_freed_bytes_total", rewriteFreedByteCount),
      ServerFact("compacted_segments_total", compactedSegmentCount),
      ServerFact("uncompacted_segments", uncompactedSegmentCount),
      ServerFact("rewriting_segment", Int(rewritingSegment ?? 0)),
      ServerFact("disk_low", isDiskLow ? 1 : 0),
      ServerFact("clock_doubted", isClockDoubted ? 1 : 0),
      ServerFact("stored_bytes", byteCount),
      ServerFact("wal_bytes", walByteCount),
      ServerFact("unapplied_bytes", unappliedByteCount),
      ServerFact("commits_total", commitCount),
      ServerFact("appended_batches_total", batchCount),
      ServerFact("appended_entries_total", entryCount),
      ServerFact("appended_entries_last_minute", entryCountOfLastMinute),
      ServerFact("appended_entries_last_second", entryCountOfLastSecond),
      ServerFact("duplicate_batches_total", duplicateCount),
      ServerFact("refused_batches_total", refusalCount),
      ServerFact("disk_full_total", diskFullCount),
      ServerFact("commit_microseconds_total", Int(commitTime / .microseconds(1))),
      ServerFact("commit_microseconds_max", Int(commitTimeMax / .microseconds(1))),
      ServerFact("checkpoints_total", checkpointCount),
      ServerFact("queue_bytes", queueByteCount),
      ServerFact("queue_batches", queueBatchCount),
      ServerFact("tail_cache_bytes", tailCacheByteCount),
      ServerFact("background_check", check.rawValue),
    ] + forecasts + archiveFacts
  }

  /// Nothing where there is no archive.
  private var archiveFacts: [ServerFact] {
    guard let archive else { return [] }
    let facts = [
      ServerFact("archive_failing", archive.failure == nil ? 0 : 1),
      ServerFact("unarchived_segments", archive.waitingCount),
      ServerFact("archived_segments_total", archive.copiedCount),
      ServerFact("archived_bytes_total", archive.copiedByteCount),
      ServerFact("archive_lost_segments_total", archive.lostCount),
      ServerFact("archive_trimmed_segments_total", archive.expiredCount),
      ServerFact("archive_unreadable_segments", archive.unreadableCount),
    ]
    return facts
      + [
        archive.through.map { ServerFact("archived_through_segment", Int($0)) },
        archive.failure.map { ServerFact("archive_error", String($0.prefix(Self.failureLengthMax))) },
      ].compactMap(\.self)
  }

  private static let failureLengthMax = 1_000

  /// What is known of how long space lasts.
  private var forecasts: [ServerFact] {
    [
      bytesPerDay.map { ServerFact("stored_bytes_per_day", $0) }, diskDaysLeft.map { ServerFact("disk_days_left", $0) },
      sizeDays.map { ServerFact("retention_size_days", $0) },
    ].compactMap(\.self)
  }
}
