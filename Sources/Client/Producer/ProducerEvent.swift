/// What an operator should know about a producer besides its counts.
public enum ProducerEvent: Sendable {
  /// Batches were dropped from the backlog, or lost with a damaged part of the spool; the stream gets a notice as well.
  /// Entries that are dropped before they are in a batch appear only in `counts` and in the stream.
  case dropped(stream: StreamName, entryCount: UInt64, reason: DropReason)
  /// The server has refused a batch for good; it is not sent again.
  case refused(stream: StreamName, entryCount: UInt64, error: LogError)
  /// The server refuses what a stream gets for a reason that an operator can mend, and with `waitsForPermission` the
  /// stream waits for that. Said once, until `released`.
  case heldBack(stream: StreamName, error: LogError)
  /// A stream that was held back is accepted again.
  case released(stream: StreamName)
  /// Nothing can be sent, and a retry will hardly help: a wrong token, an unknown server. It is tried again anyway.
  case failed(LogError)
  /// The spool cannot be written; entries wait in memory.
  case spoolFailed(LogError)
  /// A part of the spool was damaged: what was lost, and where the damaged file is kept.
  case spoolDamaged(String)
}
