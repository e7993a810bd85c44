package import LogsWire

/// One append or completion on its way to the writer.
package struct WriteRequest: Sendable {
  package enum Content: Sendable {
    /// A batch that its shard has verified.
    case batch(Batch)
    /// A batch of one entry of kind `complete`, made by the server; it seals the stream when it is stored.
    ///
    /// The same request must give the same bytes, so that a repeated one is recognized by its check.
    case complete(Batch)
    /// What a shard found wrong. It goes through the queue so that duplicate, sealed and order are decided first.
    case refused(Refusal)
  }

  package var stream: StreamName
  package var producer: ProducerID
  /// The producer's number of this batch, from 1.
  package var number: UInt64
  /// No lower number will ever be sent again.
  package var floor: UInt64
  package var content: Content
  package var token: WriteToken
  /// Who sends it, by the name that `StoreConfiguration.creationRefusal` knows.
  package var client: String

  package init(
    stream: StreamName, producer: ProducerID, number: UInt64, floor: UInt64, content: Content, token: WriteToken,
    client: String = ""
  ) {
    self.stream = stream
    self.producer = producer
    self.number = number
    self.floor = floor
    self.content = content
    self.token = token
    self.client = client
  }

  /// The request's size in the queue: its batch and what surrounds it.
  var byteCount: Int {
    switch content {
    case .batch(let batch), .complete(let batch): batch.bytes.count + Self.overheadByteCount
    case .refused: Self.overheadByteCount
    }
  }

  private static let overheadByteCount = 256
}

/// The recipient of the answer; the store passes it on unread.
package struct WriteToken: Hashable, Sendable {
  package var shard: Int
  package var client: UInt64
  package var request: UInt32

  package init(shard: Int, client: UInt64, request: UInt32) {
    self.shard = shard
    self.client = client
    self.request = request
  }
}

package enum WriteOutcome: Hashable, Sendable {
  /// The batch is on disk, now or since an earlier time when `isDuplicate`.
  case stored(incarnation: Incarnation, first: UInt64, count: UInt32, isDuplicate: Bool)
  case refused(Refusal)
}

package struct Reply: Hashable, Sendable {
  package var token: WriteToken
  package var outcome: WriteOutcome

  package init(token: WriteToken, outcome: WriteOutcome) {
    self.token = token
    self.outcome = outcome
  }
}
