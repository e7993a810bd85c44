internal import LogsWire

/// A deletion that waits for the writer.
struct QueuedDeletion: Sendable {
  let deletion: Deletion
  /// Called once, on the thread that commits.
  let then: @Sendable (Result<DeletionSummary, Refusal>) -> Void
}
