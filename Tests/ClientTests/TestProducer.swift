import LogsWire

@testable import LogsClient

/// A producer whose limits no test reaches, unless it changes them.
///
/// - Parameter spool: the place of its spool; nil keeps batches in memory.
func testProducer(
  _ client: LogClient, spool: TestDirectory? = nil, _ configure: (inout LogProducerConfiguration) -> Void = { _ in }
) throws -> LogProducer {
  var configuration = LogProducerConfiguration()
  if let spool { configuration.spool = SpoolConfiguration(directory: spool.path) }
  configure(&configuration)
  return try LogProducer(client, stream: web, configuration: configuration)
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
