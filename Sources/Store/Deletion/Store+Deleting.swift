package import LogsWire

extension Store {
  /// What `delete` would do now.
  package func look(at deletion: Deletion) -> Result<DeletionSummary, Refusal> {
    DeletionPlan.make(deletion, catalog, archive).map(\.report)
  }

  /// Deletes entries: when `then` is called with a report, no reader finds them any more, whatever happens.
  ///
  /// - Parameter then: called on the thread that commits.
  package func delete(_ deletion: Deletion, then: @escaping @Sendable (Result<DeletionSummary, Refusal>) -> Void) {
    if let refusal = queue.enqueue(QueuedDeletion(deletion: deletion, then: then)) { then(.failure(refusal)) }
  }
}
