/// Counts since the store was opened, and sizes as of now.
package struct StoreStatistics: Hashable, Sendable {
  package enum CheckState: String, Hashable, Sendable {
    /// Whether the last stop was clean, so that nothing needs checking.
    case notNeeded
    case running
    case finished
  }

  package var streamCount = 0
  package var segmentCount = 0
  package var sealedSegmentCount = 0
  /// Segments in which something is damaged or missing.
  package var damagedSegmentCount = 0
  /// Numbers between the first and the newest segment that have no file.
  package var missingSegmentCount = 0
  package var trimmedSegmentCount = 0
  package var trimmedByteCountByAge = 0
  /// To stay below the size that all may take, or to leave space on the disk.
  package var trimmedByteCountBySize = 0
  /// Segments rewritten since the store was opened, and the bytes that this has freed.
  package var rewrittenSegmentCount = 0
  /// Of these the ones that were compacted, and the sealed segments that wait for it.
  package var compactedSegmentCount = 0
  package var uncompactedSegmentCount = 0
  package var rewriteFreedByteCount = 0
  /// The segment that is rewritten or compacted now.
  package var rewritingSegment: Int64?
  /// About what is stored in a day, and how long the disk and `retention-size` last at that rate; nil where that is not
  /// known, or where the one comes before the other.
  package var bytesPerDay: Int?
  package var diskDaysLeft: Int?
  package var sizeDays: Int?
  /// Whether appends are refused to leave space on the disk.
  package var isDiskLow = false
  /// Whether nothing is trimmed by age because the clock has jumped forward.
  package var isClockDoubted = false
  /// The archive, nil if there is none: the last segment that it has, or 0; sealed segments that wait; segments that
  /// were lost to it, copied and removed by its own retention since the start; and why it fails now.
  package struct ArchiveState: Hashable, Sendable {
    package var through: Int64?
    package var waitingCount = 0
    package var lostCount = 0
    package var copiedCount = 0
    package var copiedByteCount = 0
    package var expiredCount = 0
    /// Archived segments that keep what was deleted of them until they can be read.
    package var unreadableCount = 0
    package var failure: String?
  }
  package var archive: ArchiveState?
  /// Bytes of segments and the WAL.
  package var byteCount = 0
  package var walByteCount = 0
  /// Bytes of the journal that are not in the segment yet.
  package var unappliedByteCount = 0
  package var commitCount = 0
  package var batchCount = 0
  package var entryCount: UInt64 = 0
  package var entryCountOfLastMinute: UInt64 = 0
  /// The same of the last second of the clock that is over.
  package var entryCountOfLastSecond: UInt64 = 0
  package var duplicateCount = 0
  package var refusalCount = 0
  /// Transactions rolled back because the disk was full.
  package var diskFullCount = 0
  /// From BEGIN to the end of COMMIT, fsync included.
  package var commitTime = Duration.zero
  package var commitTimeMax = Duration.zero
  package var commitTimes = TimeHistogram()
  /// Of COMMIT alone.
  package var syncTimes = TimeHistogram()
  package var checkpointCount = 0
  package var checkpointTime = Duration.zero
  package var queueByteCount = 0
  package var queueBatchCount = 0
  package var tailCacheByteCount = 0
  package var check = CheckState.notNeeded
  package var checkedSegmentCount = 0

  package init() {}
}
