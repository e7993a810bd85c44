package import LogsDisk
internal import LogsWire

/// Where the store is and within which bounds it works.
package struct StoreSettings: Sendable {
  /// The data directory; made if it is not there.
  package var directory: String
  package var segmentByteCountMax = 256 << 20
  /// Rows of one commit and stream in a segment. A start looks at each one of the newest segment: with rows of one
  /// small entry 256 MiB would hold 700,000 of them, for which it would take 0.2 s of processor time, and 0.7 s where
  /// the disk has to be read.
  package var segmentRunCountMax = 200_000
  package var segmentAgeMax: Duration = .seconds(24 * 3600)
  package var writerQueueByteCountMax = 256 << 20
  package var writerQueueBatchCountMax = 1 << 20
  /// What one transaction takes at most; a single batch may exceed it.
  package var groupByteCountMax = 8 << 20
  /// Above this the writer checkpoints.
  package var walByteCountMax = 4 << 20
  /// As long as the last commit, or the mean of late, takes longer than this, all are left to the writer's thread:
  /// meanwhile others can do what needs no disk. With zero they always are.
  package var leadCommitTimeMax: Duration = .milliseconds(1)
  /// The last entries of each stream that stay in memory.
  package var tailCacheEntryCountMax = 1000
  /// The memory for all of them together.
  package var tailCacheByteCountMax = 32 << 20
  package var readerThreadCount = 2
  /// How long a reader thread begins one range of a read after the other, and keeps a snapshot of a segment for them:
  /// others wait for the thread, and a snapshot pins the WAL.
  package var readTimeMax: Duration = .milliseconds(10)
  /// Idle connections to segments that readers keep open.
  package var readerConnectionCountMax = 64
  package var streamCountMax = 100_000
  /// Producers' marks that stay in memory.
  package var markCountMax = 65_536
  /// Marks that are copied into the next segment at a roll; others are found by looking into older segments.
  package var markForwardCountMax = 4096
  /// The table of marks lags behind by about so many batches: what a start after a crash has to look at again.
  package var markLagCountMax = 8192
  /// The index of the active segment's rows lags behind by about so many: what a read that nothing else answers looks
  /// through.
  package var indexLagCountMax = 1000
  /// How long upkeep waits before it tries again what another program or a full disk has kept from being done: sealing,
  /// the reserve.
  package var upkeepRetryInterval: Duration = .seconds(5)
  /// Whether a data directory that is a copy gets new incarnations. Off only where a file's inode changes by itself, as
  /// on some network and FUSE file systems; then a restore has to be told to followers in another way.
  package var noticesCopies = true
  /// SQLite's VFS by name; nil is the system's.
  package var vfs: String?
  package var fileSystem: any FileSystem = PosixFileSystem()
  /// The wall clock, ns since 1970.
  package var now: @Sendable () -> Int64 = SystemClock.wall
  /// Room that is kept on the disk for a start when it is full.
  package var reserveByteCountMax = 8 << 20
  /// A clock that steps back by more is told of in the log.
  package var clockStepMax: Duration = .seconds(60)
  /// Takes lines for the log.
  package var log: @Sendable (String) -> Void = { _ in }

  package init(directory: String) { self.directory = directory }
}
