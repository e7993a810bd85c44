extension ClientSession {
  package enum Event: Sendable {
    case send(OutgoingFrame)
    case welcomed(Welcome)
    /// One append is durable.
    case acknowledged(id: UInt32, Stored)
    /// The final answer to a refused request or subscription.
    case refused(id: UInt32, Refusal)
    case announced(id: UInt32, Announcement)
    case resolved(id: UInt32)
    case delivered(id: UInt32, Delivery)
    case skipped(id: UInt32, Skip)
    case live(id: UInt32)
    case heads(id: UInt32, [StreamHead])
    case ended(id: UInt32, EndReason)
    case listed(id: UInt32, Listing)
    case progressed(id: UInt32, QueryProgress)
    case counted(id: UInt32, QueryResult)
    case answered(id: UInt32, [ServerFact])
    case deleted(id: UInt32, DeletionSummary)
    case goingAway(GoAway)
    /// The server asks for another token.
    case challenged(Challenge)
    /// The token that was shown last counts.
    case authorized(id: UInt32)
    /// The connection must be closed; nothing follows.
    case failed(Refusal)
  }

  /// Where the entries of an append are stored.
  package struct Stored: Hashable, Sendable {
    package var incarnation: Incarnation
    package var firstSequence: UInt64
    package var count: UInt64
    package var isDuplicate: Bool
  }

  /// A range of a stream with the batches that cover it, verified.
  package struct Delivery: Sendable {
    package var handle: UInt32
    package var from: UInt64
    package var to: UInt64
    package var batches: [Batch]
    /// The credit that it uses.
    package var byteCount: Int
  }
}
