package import LogsSystem
package import LogsWire

/// Where the store is, and its limits.
package struct StoreConfiguration: Sendable {
  /// The data directory; created if it is missing.
  package var directory: String
  package var segmentByteCountMax = 256 << 20
  /// Rows of `runs` in a segment. A start looks at each row of the newest segment: with one small entry a row, 256 MiB
  /// would hold 700,000 of them, which take 0.2 s of processor time, and 0.7 s if the disk has to be read.
  package var segmentRunCountMax = 200_000
  package var segmentAgeMax: Duration = .seconds(24 * 3600)
  /// A segment of this size or more that has got nothing for `segmentIdleMax` rolls: its text is searched with an index
  /// only once it is sealed. A smaller one is searched quickly without.
  package var segmentIdleByteCountMin = 8 << 20
  package var segmentIdleMax: Duration = .seconds(600)
  package var retention = RetentionPolicy()
  /// How often is looked what is to be kept no longer.
  package var retentionInterval: Duration = .seconds(1)
  /// How long after a deletion segments are looked at for what to take off the disk: more may follow.
  package var rewriteDelay: Duration = .seconds(10)
  /// The part of a core that sealing, rewriting and compacting segments may take, in percent; 0: segments are not
  /// compacted, and the rest goes on as usual.
  package var upkeepProcessorPercent = Self.upkeepProcessorPercentUsual
  package static let upkeepProcessorPercentUsual = 60
  /// A stream with less than this in a segment, before compression, gets no dictionary: it would take more than it
  /// saves. 0: streams get one whether it saves anything or not, which is for tests.
  package var dictionaryStreamByteCountMin = 4 << 20
  /// With so many bytes of small batches a segment gets a dictionary, which its rows are packed with from then on.
  package var rowSamplesByteCount = 128 << 10
  /// Where sealed segments are copied to; nil for no archive.
  package var archive: String?
  /// A segment of the archive goes once everything in it was received this long ago.
  package var archiveAgeMax: Duration?
  /// How often is looked whether there is something to archive.
  package var archiveInterval: Duration = .seconds(1)
  /// How long a sealed segment waits to be compacted before it is archived as it is.
  package var archiveCompactionWaitMax: Duration = .seconds(1800)
  /// How long what has failed on the archive waits at most before it is tried again.
  package var archiveRetryIntervalMax: Duration = .seconds(300)
  package var writerQueueByteCountMax = 256 << 20
  package var writerQueueBatchCountMax = 1 << 20
  /// What one transaction takes at most; a single batch may exceed it.
  package var groupByteCountMax = 8 << 20
  /// Above this the writer checkpoints.
  package var walByteCountMax = 4 << 20
  /// The size of the journal in front of the active segment, for small groups; 0: there is none.
  package var journalByteCount = 0
  /// While the last commit, or the recent average, takes longer than this, all commits are left to the writer's thread,
  /// so that other threads can do what needs no disk. Zero leaves all to it.
  package var leadCommitTimeMax: Duration = .milliseconds(1)
  /// How long the store waits for another program that holds a lock on the active segment, which none should.
  package var lockTimeMax: Duration = .seconds(2)
  /// The last entries of each stream that stay in memory.
  package var tailCacheEntryCountMax = 1000
  /// The memory for all of them together.
  package var tailCacheByteCountMax = 32 << 20
  package var readerThreadCount = 2
  /// How long a reader thread goes on starting further ranges of a read, and keeps a snapshot of a segment for them:
  /// others wait for the thread, and a snapshot pins the WAL.
  package var readTimeMax: Duration = .milliseconds(10)
  /// Idle connections to segments that readers keep open.
  package var readerConnectionCountMax = 64
  package var streamCountMax = 100_000
  /// Why a client may create no stream now; nil if it may, which then counts. The thread that commits asks, once for
  /// each stream that a client's append is about to create.
  package var creationRefusal: @Sendable (_ client: String) -> Refusal? = { _ in nil }
  /// Producers' marks that stay in memory.
  package var markCountMax = 65_536
  /// Marks that a new segment begins with; others are found by looking into older segments.
  package var markForwardCountMax = 4096
  /// The table of marks lags behind by about this many batches: what a start after a crash has to read again.
  package var markLagCountMax = 8192
  /// The index of the active segment lags behind by about this many rows, which a read of the active segment scans.
  package var indexLagCountMax = 1000
  /// How long upkeep waits before it retries what another program or a full disk has prevented: sealing, filling the
  /// reserve.
  package var upkeepRetryInterval: Duration = .seconds(5)
  /// Whether a data directory that is a copy gets new incarnations. Off only where a file's inode changes by itself, as
  /// on some network and FUSE file systems; followers then have to learn of a restore in another way.
  package var noticesCopies = true
  /// SQLite's VFS by name; nil is the system's.
  package var vfs: String?
  package var fileSystem: any FileSystem = PosixFileSystem()
  /// The wall clock, ns since 1970.
  package var now: @Sendable () -> Int64 = SystemClock.wall
  /// A clock that cannot be set, in nanoseconds.
  package var elapsed: @Sendable () -> Int64 = SystemClock.elapsed
  /// Space that is reserved on the disk for a start when it is full.
  package var reserveByteCountMax = 8 << 20
  /// A clock that steps back by more than this is logged.
  package var clockStepMax: Duration = .seconds(60)
  /// A commit that waits this long for the disk is logged.
  package var slowSyncTimeMin: Duration = .seconds(1)
  /// Takes lines for the log. From any thread; it must not block.
  package var log: @Sendable (LogLine) -> Void = { _ in }

  package init(directory: String) { self.directory = directory }

  /// How long others have the processor after work on segments has taken some time.
  func upkeepPause(after worked: Duration) -> Duration {
    // While compaction is paused, what has to be done is done as usual.
    let percent = upkeepProcessorPercent > 0 ? min(upkeepProcessorPercent, 100) : Self.upkeepProcessorPercentUsual
    return worked * (100 - percent) / percent
  }

  /// The journal's room for records.
  var journalRingByteCount: Int {
    journalByteCount <= 0
      ? 0
      : max(journalByteCount, Self.journalByteCountMin) / JournalFormat.headerByteCount * JournalFormat.headerByteCount
  }

  private static let journalByteCountMin = 64 << 10
}
