/// Where logged entries go: a `LogProducer`, a `LogOutlet` in front of one, or a test's own.
public protocol LogSink: Sendable {
  /// Takes an entry. Returns at once: it neither throws nor waits, and it counts entries that it cannot take.
  ///
  /// Entries of consecutive calls keep their order. May be called from any thread.
  func log(_ entry: LogEntry)
}

extension LogProducer: LogSink {
  /// Hands over an entry for the stream of this producer, as `log(_:to:)` does.
  public func log(_ entry: LogEntry) { log(entry, to: nil) }
}

/// One stream of a producer.
struct StreamSink: LogSink {
  let producer: LogProducer
  let stream: StreamName

  func log(_ entry: LogEntry) { producer.log(entry, to: stream) }
}
