internal import LogsWire

/// How a producer batches, how much it may hold, and where.
public struct LogProducerConfiguration: Sendable {
  /// What to do if there is no room for an entry.
  public enum WhenFull: Hashable, Sendable {
    /// `append` and `submit` wait for room. `log`, which never waits, drops its entry.
    case wait
    /// The new entry is dropped; `append` and `submit` fail with `queueFull`.
    case dropNewest
    /// The oldest entries that have not been sent make room.
    case dropOldest
  }

  /// A batch with this many entries is complete: 1 to 65,536.
  public var batchEntryCountMax = 1_000
  /// A batch with this many bytes before compression is complete: 1 byte to 2 MiB.
  public var batchByteCountMax = 256 << 10
  /// How long an entry may wait for others to share its batch.
  ///
  /// Only while a batch of the stream is in flight: otherwise entries are sent at once. Entries that `log` gets at
  /// level error and above do not linger.
  public var linger: Duration = .milliseconds(10)
  /// How much may wait in memory, at least 64 KiB: a quarter of it for entries that are being batched, before
  /// compression, and the rest for batches as they are stored. With a spool, all of it is for entries that are being
  /// batched.
  public var queueByteCountMax = 16 << 20
  public var whenFull = WhenFull.dropNewest
  /// The queue on disk; nil for none.
  public var spool: SpoolConfiguration?
  /// Whether entries wait that the server refuses for a reason that an operator can mend: the token may not append to
  /// the stream, or the server has too many streams. Otherwise they are given up.
  ///
  /// Only that stream waits, and is tried again after a second, then after twice as long each time, up to a minute.
  public var waitsForPermission = false
  /// Whether entries that `log` has taken are still handed over when the process calls `exit` or returns from `main`
  /// without `shutdown`.
  ///
  /// If anything waits, `exit` then waits as well: with a spool until it is on disk, up to 5 s; without one until it is
  /// acknowledged, up to half a second.
  public var handsOverAtExit = true
  /// Called for drops, refusals and problems with the spool, on the producer's own thread: it must return soon.
  public var onEvent: (@Sendable (ProducerEvent) -> Void)?

  /// How many bytes are handed to the client at once, for all streams together, plus one stream's window: twice what a
  /// server accepts on one connection before it answers.
  var handedByteCountMax = 16 << 20

  public init() {}
}

/// Where a producer keeps on disk what has no acknowledgement yet, and how much.
public struct SpoolConfiguration: Hashable, Sendable {
  /// The spool's own directory, created if it is missing. Only one process may use it at a time.
  public var directory: String
  /// How many bytes the stored batches may take: at least 1 MiB. The file is a little larger.
  public var byteCountMax: Int
  /// Entries that have waited longer are dropped, except for those that may have been sent: the first 32 batches of
  /// each stream.
  public var ageMax: Duration?

  /// When a bookmark of a group goes to disk, and where entries wait until then.
  package enum Commit: String, CaseIterable, Hashable, Sendable {
    /// With its entries, once they are accepted.
    case spool
    /// When the server has answered for everything accepted up to it. Entries wait in memory, so that a crash loses
    /// them: their sources have to be read again from the bookmarks, and what the server had stored by then is stored
    /// twice.
    case server
  }

  package var commit = Commit.spool

  public init(directory: String, byteCountMax: Int = 1 << 30, ageMax: Duration? = nil) {
    self.directory = directory
    self.byteCountMax = byteCountMax
    self.ageMax = ageMax
  }
}

extension LogProducerConfiguration {
  static let queueByteCountMin = 64 << 10
  static let spoolByteCountMin = 1 << 20

  /// - Throws: `LogError` with `invalidConfiguration`.
  func check() throws(LogError) {
    func require(_ isValid: Bool, _ text: String) throws(LogError) {
      if !isValid { throw LogError(.invalidConfiguration, text) }
    }
    try require(
      (1...Limits.batchEntryCountMax).contains(batchEntryCountMax),
      "a batch has 1 to \(Limits.batchEntryCountMax) entries, not \(batchEntryCountMax)")
    try require(
      (1...Limits.batchStoredByteCountMax).contains(batchByteCountMax),
      "a batch has 1 to \(Limits.batchStoredByteCountMax) bytes, not \(batchByteCountMax)")
    try require(linger >= .zero, "entries linger for zero or more, not for \(linger)")
    try require(
      queueByteCountMax >= Self.queueByteCountMin,
      "the queue has \(queueByteCountMax) bytes; the least is \(Self.queueByteCountMin)")
    guard let spool else { return }
    try require(!spool.directory.isEmpty, "the spool needs a directory")
    try require(
      spool.byteCountMax >= Self.spoolByteCountMin,
      "the spool has \(spool.byteCountMax) bytes; the least is \(Self.spoolByteCountMin)")
    if let age = spool.ageMax { try require(age > .zero, "entries may wait in the spool for more than no time") }
  }
}
