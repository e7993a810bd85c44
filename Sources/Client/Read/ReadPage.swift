/// A page of one or many streams, and where the next one begins.
///
/// Pages that are read one after the other, each from the cursor of the previous one, give the whole streams: nothing
/// is missing and nothing comes twice, even while entries are appended.
public struct ReadPage: Sendable {
  /// In the order of their sequence numbers within a stream; streams take turns.
  public internal(set) var entries: [StreamEntry] = []
  /// Where the next page begins: after the last entry in this one. Streams that were not read keep their positions.
  public internal(set) var cursor: LogCursor
  /// The last sequence number of each stream when the page was requested; 0 for a named stream that does not exist.
  public internal(set) var heads: [StreamName: UInt64] = [:]
  /// Entries that will not be delivered, and why.
  public internal(set) var skipped: [SkippedRange] = []
  /// Streams that were sealed and have been read to their end.
  public internal(set) var completed: Set<StreamName> = []

  /// Whether nothing more was stored when the page was requested. If not, read on, even if the page has few entries.
  public internal(set) var isAtHead = false
}
