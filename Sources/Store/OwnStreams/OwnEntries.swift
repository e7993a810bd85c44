package import LogsWire

/// Entries that the server adds to one of its own streams. Nobody waits for them: what cannot be stored now is not
/// tried again.
package struct OwnEntries: Sendable {
  package let stream: StreamName
  package let batch: Batch
  /// Called once, on the thread that commits or that of the caller, with whether they are stored.
  package let then: @Sendable (Bool) -> Void

  package init(stream: StreamName, batch: Batch, then: @escaping @Sendable (Bool) -> Void) {
    self.stream = stream
    self.batch = batch
    self.then = then
  }
}
