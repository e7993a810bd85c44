/// The content of a spool, for people.
public struct SpoolReport: Hashable, Sendable {
  /// The batches of one stream.
  public struct Stream: Hashable, Sendable {
    public var stream: StreamName
    public var batchCount: Int
    /// Entries of the application.
    public var entryCount: UInt64
    /// Stored bytes, with 256 for each batch.
    public var byteCount: Int
    /// The numbers that its first and its last batch are sent under.
    public var firstNumber: UInt64
    public var lastNumber: UInt64
    /// When the oldest batch was accepted, in ns since 1970.
    public var oldestAccepted: Int64
  }

  /// The spool's directory.
  public var path: String
  /// The identity that numbers new batches; nil if it cannot be read.
  public var producer: ProducerID?
  /// Whether a process uses the spool at this moment.
  public var isInUse: Bool
  /// That process, or the last one that did.
  public var owner: Int32?
  /// Streams with batches, ascending.
  public var streams: [Stream]
  /// The damage found, a sentence for each, at most `damageCountMax`; empty if there is none.
  public var damage: [String]
  /// Databases that were found damaged earlier and are kept beside the spool, oldest first.
  public var keptAside: [String]

  public static let damageCountMax = 100

  public var batchCount: Int { streams.reduce(0) { $0 + $1.batchCount } }
  public var entryCount: UInt64 { streams.reduce(0) { $0 + $1.entryCount } }
  /// Stored bytes, plus 256 for each batch: what the limit of the spool applies to.
  public var byteCount: Int { streams.reduce(0) { $0 + $1.byteCount } }

  /// Reads a spool, even while a producer uses it, and changes nothing.
  ///
  /// - Parameters:
  ///   - directory: the spool's.
  ///   - verifying: whether every batch is read, checked and decoded, and SQLite checks the file.
  /// - Throws: `LogError` with `spoolFailed` if there is no spool, or it is of a newer version or cannot be read.
  ///   Damage is in the report and not thrown.
  /// - Complexity: reads the whole spool. If a producer uses it and it is not verified, reads the rows without their
  ///   batches.
  public static func inspect(_ directory: String, verifying: Bool = false) throws(LogError) -> SpoolReport {
    try SpoolInspector.inspect(SpoolDirectory(directory), verifying: verifying)
  }
}
