/// What has become of the entries that a producer was given.
///
/// `accepted + restored == acknowledged + dropped + refused + waiting`, at every moment. The notices that tell of
/// dropped entries are not counted.
public struct ProducerCounts: Hashable, Sendable {
  /// Entries handed over in the life of this producer.
  public var accepted: UInt64 = 0
  /// Entries that were in the spool when the producer began.
  public var restored: UInt64 = 0
  /// Entries that the server has made durable.
  public var acknowledged: UInt64 = 0
  /// Entries given up for want of room, for their age, or at the end.
  public var dropped: UInt64 = 0
  /// Entries that the server has refused for good.
  public var refused: UInt64 = 0
  /// Entries of those accepted that are not kept whole: a message was cut at 1 MiB, a source at 255 bytes, or `log` has
  /// left out attributes that no entry can hold. The attributes `logs.truncated` and `logs.truncated_attributes` tell
  /// it of each message and of attributes.
  public var truncated: UInt64 = 0
  /// Entries without an answer yet.
  public var waiting: UInt64 { accepted + restored - acknowledged - dropped - refused }
  /// What the backlog takes, in stored bytes of batches and a little for each of them.
  public var waitingByteCount = 0

  /// Counts entries that have an answer. Some may have been counted as dropped before, since the spool has lost them
  /// while they were on their way: they were not.
  mutating func answer(_ count: UInt64, _ total: WritableKeyPath<ProducerCounts, UInt64>) {
    dropped -= min(dropped, count - min(count, waiting))
    self[keyPath: total] += count
  }

  /// Counts entries that a spool has lost. Some may have been answered already, and were to be removed.
  mutating func lose(_ count: UInt64) { dropped += min(count, waiting) }
}
