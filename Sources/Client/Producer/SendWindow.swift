/// Which batches of one stream the client has been given and has not answered.
///
/// Two states. Sending: batches are handed over in order. Failed, after the client has given one up: nothing is handed over until
/// it has given an answer for all of them; then, when the producer tries again, it begins at the first batch.
struct SendWindow {
  private(set) var handedCount = 0
  /// The last batch that was handed over.
  private(set) var idLast: Int64 = 0
  private(set) var hasFailed = false

  mutating func hand(_ id: Int64) {
    handedCount += 1
    idLast = id
  }

  mutating func answered() { handedCount -= 1 }

  mutating func failed() {
    handedCount -= 1
    hasFailed = true
  }

  /// Begins anew if every batch has come back.
  mutating func retry() { if handedCount == 0 { self = SendWindow() } }
}
