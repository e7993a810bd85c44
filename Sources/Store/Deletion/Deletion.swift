package import LogsWire

/// What is to be deleted of a stream.
package struct Deletion: Sendable {
  package var stream: StreamName
  /// The history that is meant; `.any` for the one that the stream has now.
  package var incarnation: Incarnation
  /// Nil for the whole stream. Its name is free afterwards.
  package var numbers: ClosedRange<UInt64>?
  /// Who wants it, for the audit: `user 1000`.
  package var author: String

  package init(stream: StreamName, incarnation: Incarnation, numbers: ClosedRange<UInt64>?, author: String) {
    self.stream = stream
    self.incarnation = incarnation
    self.numbers = numbers
    self.author = author
  }
}

/// What a deletion removes, or would.
package struct DeletionReport: Hashable, Sendable {
  package var incarnation: Incarnation
  /// From the first entry that goes to the last; nil if none does.
  package var numbers: ClosedRange<UInt64>?
  package var entryCount: UInt64
  /// About what their batches take.
  package var byteCount: UInt64

  package init(incarnation: Incarnation, numbers: ClosedRange<UInt64>?, entryCount: UInt64, byteCount: UInt64) {
    self.incarnation = incarnation
    self.numbers = numbers
    self.entryCount = entryCount
    self.byteCount = byteCount
  }
}
