internal import LogsStore
internal import LogsWire

extension StoreStatistics {
  /// What STAT tells of the store.
  var facts: [Fact] {
    [
      Fact("streams", streamCount),
      Fact("segments", segmentCount),
      Fact("sealed_segments", sealedSegmentCount),
      Fact("damaged_segments", damagedSegmentCount),
      Fact("missing_segments", missingSegmentCount),
      Fact("stored_bytes", byteCount),
      Fact("wal_bytes", walByteCount),
      Fact("commits_total", commitCount),
      Fact("appended_batches_total", batchCount),
      Fact("appended_entries_total", entryCount),
      Fact("duplicate_batches_total", duplicateCount),
      Fact("refused_batches_total", refusalCount),
      Fact("disk_full_total", diskFullCount),
      Fact("commit_microseconds_total", Int(commitTime / .microseconds(1))),
      Fact("commit_microseconds_max", Int(commitTimeMax / .microseconds(1))),
      Fact("checkpoints_total", checkpointCount),
      Fact("queue_bytes", queueByteCount),
      Fact("queue_batches", queueBatchCount),
      Fact("tail_cache_bytes", tailCacheByteCount),
      Fact("background_check", check.rawValue),
    ]
  }
}
