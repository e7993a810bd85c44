/// What has happened to the entries of a producer.
///
/// `accepted + restored == acknowledged + dropped + refused + waiting`, at every moment. Notices about dropped entries
/// are not counted.
public struct ProducerCounts: Hashable, Sendable {
  /// Entries handed over to this producer.
  public var accepted: UInt64 = 0
  /// Entries that were in the spool when the producer began.
  public var restored: UInt64 = 0
  /// Entries that the server has made durable, and those whose answer an earlier producer of the spool had, but did not
  /// come to note: what it was cannot be told if their stream was deleted since.
  public var acknowledged: UInt64 = 0
  /// Entries given up for lack of room, because of their age, or at the end.
  public var dropped: UInt64 = 0
  /// Entries that the server has refused for good.
  public var refused: UInt64 = 0
  /// Accepted entries that are not stored whole: a message was cut at 1 MiB, a source at 255 bytes, or `log` has left
  /// out attributes that no entry can hold. The entry's attributes `logs.truncated` and `logs.truncated_attributes` say
  /// so for messages and attributes.
  public var truncated: UInt64 = 0
  /// Entries without an answer yet.
  public var waiting: UInt64 { accepted + restored - acknowledged - dropped - refused }
  /// The size of the backlog: the stored bytes of batches, plus a little for each of them.
  public var waitingByteCount = 0

  /// Counts answered entries. Some may have been counted as dropped, because the spool lost them while they were in
  /// flight; this corrects it.
  mutating func answer(_ count: UInt64, _ total: WritableKeyPath<ProducerCounts, UInt64>) {
    dropped -= min(dropped, count - min(count, waiting))
    self[keyPath: total] += count
  }

  /// Counts entries that a spool has lost. Some may have been answered and were about to be removed.
  mutating func lose(_ count: UInt64) { dropped += min(count, waiting) }
}
