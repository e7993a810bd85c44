package import LogsWire

/// Receives what the writer has done. Called on the thread that commits, for one commit after the other: do little and
/// return. `enqueue` and reads may be called from here; `close` must not be, since it may wait for this thread.
package protocol StoreSink: Sendable {
  /// A group is on disk and the heads are published. Called once for each group. When the store stops, called once more
  /// for what was being committed and once for what waits, all of it refused, on the thread that found the failure.
  func committed(_ commit: Commit)
  /// The store has stopped for good: an I/O error on write or fsync, or damage in the active segment. Called at most
  /// once, on the thread that found it.
  func failed(_ error: StoreError)
}

/// One group of requests after its COMMIT.
package struct Commit: Sendable {
  /// One for each request of the group, in the order of the queue. Every request gets exactly one reply.
  package var replies: [Reply]
  /// What became durable; several for one stream are in the order of their numbers.
  package var runs: [CommittedRun]
  /// Streams that were deleted whole, as they were.
  package var deleted: [StreamInfo]

  package init(replies: [Reply], runs: [CommittedRun], deleted: [StreamInfo] = []) {
    self.replies = replies
    self.runs = runs
    self.deleted = deleted
  }
}

/// Batches of one stream that one commit made durable.
package struct CommittedRun: Sendable {
  /// The stream after the commit.
  package var stream: StreamInfo
  /// Whether this run created the stream.
  package var isNewStream: Bool
  package var run: Run
  package var entryCount: UInt64
  /// Whether the stream's last entry is in this run.
  package var sealed: Bool

  package init(
    stream: StreamInfo, isNewStream: Bool, run: Run, entryCount: UInt64, sealed: Bool
  ) {
    self.stream = stream
    self.isNewStream = isNewStream
    self.run = run
    self.entryCount = entryCount
    self.sealed = sealed
  }

  package var first: UInt64 { run.first }
  package var last: UInt64 { run.last }
  package var batches: ByteString { run.batches }
}
