package import LogsWire

/// Batches of one stream, end to end, exactly as they are stored and sent.
package struct Run: Hashable, Sendable {
  /// The sequence numbers that they cover.
  package var numbers: ClosedRange<UInt64>
  package var batches: ByteString

  package init(_ numbers: ClosedRange<UInt64>, _ batches: ByteString) {
    self.numbers = numbers
    self.batches = batches
  }

  /// A single numbered batch.
  init(_ batch: Batch) {
    self.init(batch.header.firstSequence...batch.header.lastSequence, batch.bytes)
  }

  package var first: UInt64 { numbers.lowerBound }
  package var last: UInt64 { numbers.upperBound }
}
