/// What is in a spool, for people who look at it.
public struct SpoolReport: Hashable, Sendable {
  /// What waits in one stream.
  public struct Stream: Hashable, Sendable {
    public var stream: StreamName
    public var batchCount: Int
    /// Entries of the application.
    public var entryCount: UInt64
    /// Stored bytes, with 256 for each batch.
    public var byteCount: Int
    /// The number that its first batch is sent under, and its last one.
    public var firstNumber: UInt64
    public var lastNumber: UInt64
    /// When the oldest batch was accepted, in ns since 1970.
    public var oldestAccepted: Int64
  }

  /// The spool's directory.
  public var path: String
  /// Whose numbers new batches get; nil when the spool cannot say.
  public var producer: ProducerID?
  /// Whether a process uses the spool at this moment.
  public var isInUse: Bool
  /// That process, or the one that was the last.
  public var owner: Int32?
  /// Streams with batches, ascending.
  public var streams: [Stream]
  /// What is damaged, a sentence each, at most `damageCountMax`; empty when nothing was found.
  public var damage: [String]
  /// Databases that were found damaged before and are kept beside the spool, oldest first.
  public var keptAside: [String]

  public static let damageCountMax = 100

  public var batchCount: Int { streams.reduce(0) { $0 + $1.batchCount } }
  public var entryCount: UInt64 { streams.reduce(0) { $0 + $1.entryCount } }
  /// Stored bytes, with 256 for each batch: what the spool's limit is about.
  public var byteCount: Int { streams.reduce(0) { $0 + $1.byteCount } }

  /// Reads a spool, also while a producer uses it, and changes nothing.
  ///
  /// - Parameters:
  ///   - directory: the spool's.
  ///   - verifying: whether every batch is read, checked and decoded, and SQLite checks the file.
  /// - Throws: `LogError` with `spoolFailed` when there is no spool, it is of a newer version or cannot be read. Damage
  ///   is reported and not thrown.
  /// - Complexity: reads the whole spool, unless a producer uses it and it is not verified: then each row without its
  ///   batch.
  public static func inspect(_ directory: String, verifying: Bool = false) throws(LogError) -> SpoolReport {
    try SpoolInspector.inspect(SpoolDirectory(directory), verifying: verifying)
  }
}
