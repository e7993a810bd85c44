/// What an operator should know of a producer, beyond its counts.
public enum ProducerEvent: Sendable {
  /// Batches were dropped from the backlog or lost with a part of the spool; the stream gets an entry about it as well.
  /// Entries that are dropped before they are in a batch show in `counts` and in the stream alone.
  case dropped(stream: StreamName, entryCount: UInt64, reason: DropReason)
  /// The server has refused a batch for good; it is not sent again.
  case refused(stream: StreamName, entryCount: UInt64, error: LogError)
  /// Nothing can be sent, and a retry will hardly mend it: a wrong token, an unknown server. It is tried again all the
  /// same.
  case failed(LogError)
  /// The spool cannot be written; entries wait in memory.
  case spoolFailed(LogError)
  /// A part of the spool was damaged; what was lost, and where the damaged file is kept.
  case spoolDamaged(String)
}
