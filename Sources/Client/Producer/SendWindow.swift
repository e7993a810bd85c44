/// The batches of one stream that were handed to the client and have no answer yet.
///
/// Two states. Sending: batches are handed over in order. Failed, after the client has given one up: nothing is handed
/// over until the client has answered for all of them; after a wait, the producer begins again with the first batch.
struct SendWindow: Sendable {
  private(set) var handed: [Int64: HandedBatch] = [:]
  /// The last batch that was handed over.
  private(set) var idLast: Int64 = 0
  private(set) var hasFailed = false

  var handedCount: Int { handed.count }

  mutating func hand(_ batch: HandedBatch) {
    handed[batch.id] = batch
    idLast = batch.id
  }

  mutating func answered(_ id: Int64) { handed[id] = nil }

  mutating func failed(_ id: Int64) {
    handed[id] = nil
    hasFailed = true
  }

  /// Whether it waits for the producer to begin again.
  var isStuck: Bool { hasFailed && handed.isEmpty }
}
