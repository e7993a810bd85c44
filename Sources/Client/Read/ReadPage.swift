/// A bounded piece of one or many streams, and where the next one begins.
///
/// Pages read one after the other, each after the cursor of the one before, are the streams: nothing is missing and
/// nothing comes twice, also while entries are appended.
public struct ReadPage: Sendable {
  /// In the order of their sequence numbers within a stream; streams take turns.
  public internal(set) var entries: [StreamEntry] = []
  /// Where the next page begins: behind the last entry given. Streams that were not read keep their positions.
  public internal(set) var cursor: LogCursor
  /// The last sequence number of each stream when the page was asked for; 0 of one that is named and does not exist.
  public internal(set) var heads: [StreamName: UInt64] = [:]
  /// What will not come, and why.
  public internal(set) var skipped: [SkippedRange] = []
  /// Streams that were sealed and have been read to their end.
  public internal(set) var completed: Set<StreamName> = []

  /// Whether nothing more was stored when the page was asked for. Otherwise read on, also when the page has few
  /// entries.
  public internal(set) var isAtHead = false
}
