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
