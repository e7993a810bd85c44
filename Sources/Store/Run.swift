package import LogsWire

/// Batches of one stream, end to end, exactly as they are stored and sent.
package struct Run: Hashable, Sendable {
  /// The sequence numbers that they cover.
  package var numbers: ClosedRange<UInt64>
  package var batches: ByteString
  /// What some of the batches need to be decompressed.
  package var dictionary: BatchDictionary?

  package init(_ numbers: ClosedRange<UInt64>, _ batches: ByteString, _ dictionary: BatchDictionary? = nil) {
    self.numbers = numbers
    self.batches = batches
    self.dictionary = dictionary
  }

  /// A single numbered batch.
  init(_ batch: Batch) {
    self.init(batch.header.firstSequence...batch.header.lastSequence, batch.bytes, batch.dictionary)
  }

  package func list() throws(WireDecodingError) -> [Batch] { try Batch.run(batches, dictionary) }

  /// The batch that it begins with.
  func firstBatch() throws(WireDecodingError) -> Batch { try Batch(startOf: batches, dictionary) }

  package var first: UInt64 { numbers.lowerBound }
  package var last: UInt64 { numbers.upperBound }
}
