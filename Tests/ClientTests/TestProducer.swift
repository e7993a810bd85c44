import LogsWire

@testable import LogsClient

/// A producer whose limits no test reaches, unless it changes them.
///
/// - Parameters:
///   - spool: the place of its spool; nil keeps batches in memory.
///   - kept: follows what it keeps.
func testProducer(
  _ client: LogClient, spool: TestDirectory? = nil, kept: Shared<BacklogTotals>? = nil,
  _ configure: (inout LogProducerConfiguration) -> Void = { _ in }
) throws -> LogProducer {
  var configuration = LogProducerConfiguration()
  if let spool { configuration.spool = SpoolConfiguration(directory: spool.path) }
  configure(&configuration)
  guard let kept else { return try LogProducer(client, stream: web, configuration: configuration) }
  return try LogProducer(client, stream: web, configuration: configuration) { _ throws(LogError) in
    if let spool { return WatchedBacklog(try Spool(spool.path) { _ in }, kept) }
    return WatchedBacklog(MemoryBacklog(now: { 1 }), kept)
  }
}

/// A backlog that publishes what it keeps.
private final class WatchedBacklog: Backlog {
  private let backlog: any Backlog
  private let kept: Shared<BacklogTotals>

  init(_ backlog: any Backlog, _ kept: Shared<BacklogTotals>) {
    self.backlog = backlog
    self.kept = kept
  }

  var producer: ProducerID { backlog.producer }
  var totals: BacklogTotals { backlog.totals }
  var streams: [StreamName] { backlog.streams }
  var oldestID: Int64? { backlog.oldestID }

  func store(_ batches: [EncodedBatch], removing answered: [Int64]) throws(LogError) -> [Int64] {
    let ids = try backlog.store(batches, removing: answered)
    kept.change { $0 = backlog.totals }
    return ids
  }

  func window(of stream: StreamName, after id: Int64) throws(LogError) -> [BacklogBatch] {
    try backlog.window(of: stream, after: id)
  }

  func dropOldest(keeping byteCountMax: Int) throws(LogError) -> [DroppedEntries] {
    try backlog.dropOldest(keeping: byteCountMax)
  }

  func drop(acceptedBefore time: Int64) throws(LogError) -> [DroppedEntries] {
    try backlog.drop(acceptedBefore: time)
  }

  func bookmarks() throws(LogError) -> [String: ByteString] { try backlog.bookmarks() }
  func note(_ bookmarks: [SourceBookmark]) throws(LogError) { try backlog.note(bookmarks) }

  func close() { backlog.close() }
}

/// What is missing according to the notices in a stream.
func told(_ entries: [LogEntry]) -> UInt64 {
  entries.reduce(0) { sum, entry in
    for attribute in entry.attributes where attribute.key == "logs.dropped" {
      if case .integer(let count) = attribute.value { return sum + UInt64(count) }
    }
    return sum
  }
}

/// Whether the producer itself has written it.
func isNotice(_ entry: LogEntry) -> Bool { entry.attributes.contains { $0.key == "logs.dropped" } }
