/// The constants of protocol version 1 (`spec/limits.md`). They are not settings: a stored batch must always fit every
/// client.
package enum Limits {
  // Batches
  /// A batch as it is stored and sent, header included.
  package static let batchStoredByteCountMax = 2 << 20
  /// A batch's payload before compression.
  package static let batchRawByteCountMax = 4 << 20
  /// The window that the zstd frame of an appended batch may ask for.
  package static let zstdWindowByteCountMax = batchRawByteCountMax
  package static let batchEntryCountMax = 65_536
  /// A dictionary that batches refer to, unpacked: zstd's own programs make none that are larger.
  package static let dictionaryByteCountMax = 112 << 10
  package static let dictionaryByteCountMin = 256
  /// The dictionaries of a connection that its client keeps: those that came last.
  package static let dictionaryCountMax = 16
  /// Sources, messages and attributes of all entries of a batch; rows that several entries share count for each. A
  /// reader that expands them all needs this much.
  package static let batchExpandedByteCountMax = 64 << 20
  package static let messageByteCountMax = 1 << 20
  package static let sourceByteCountMax = 255
  /// The attributes of one entry, encoded: keys and values together.
  package static let attributesByteCountMax = 64 << 10
  /// The attributes of one entry, counting those nested in lists and maps.
  package static let attributeCountMax = 256
  package static let attributeKeyByteCountMax = 255
  package static let attributeDepthMax = 8
  package static let columnCountMax = 64

  // Names
  package static let streamNameByteCountMax = 200
  package static let patternByteCountMax = 200
  package static let clientNameByteCountMax = 255
  package static let tokenByteCountMax = 4096
  package static let errorTextByteCountMax = 1024
  package static let completionTextByteCountMax = 1024
  /// What a `text` can hold: STATUS has no limit itself.
  package static let factTextByteCountMax = Int(UInt16.max)

  /// Ranges that were deleted or trimmed of one stream.
  package static let removedRangeCountMax = 1_000

  /// Sequence numbers and batch numbers fit signed integers, and a number plus a count must not wrap.
  package static let numberMax = UInt64(Int64.max)

  // Frames
  /// The largest control part.
  package static let controlByteCountMax = 1 << 20
  /// The largest body of any frame before WELCOME.
  package static let handshakeByteCountMax = 8 << 10
  /// How many bytes of a client a server holds while it decides about its HELLO.
  package static let heldByteCountMax = 64 << 10
  /// A frame limit that a peer announces is cut to this, and refused if below `frameByteCountMin`.
  package static let frameByteCountMax = 4 << 20
  /// A batch and its control part fit every peer's frame limit.
  package static let frameByteCountMin = batchStoredByteCountMax + 4096

  // Liveness
  /// Shorter heartbeats count as the minimum, longer ones as the maximum: no setting of one side can overload or blind
  /// the other.
  package static let heartbeatMillisecondsMin: UInt64 = 100
  package static let heartbeatMillisecondsMax: UInt64 = 3_600_000

  // Producers
  /// Batches in flight for one producer and stream: as many as a mark can answer when they are resent.
  package static let producerBatchCountMax = 32

  // Filters
  package static let filterByteCountMax = 16 << 10
  /// Terms, fields and items of sets.
  package static let filterTermCountMax = 512
  /// Parentheses, NOT and `-` inside each other: reading and evaluating them recurses.
  package static let filterDepthMax = 32
  package static let filterRegexCountMax = 32
  /// Steps of a regular expression on one text.
  package static let regexMatchMax = 1_000_000
  package static let regexHeapByteCountMax = 1 << 20

  // Expressions that lines of a source are matched with before they are entries
  /// Steps of one search in a line.
  package static let lineMatchMax = 100_000
  /// What one expression replaces in a line.
  package static let lineMaskCountMax = 10_000

  // Queries
  /// Queries in flight on a connection.
  package static let queryCountMax = 4
  /// Streams that one query looks at, or merges: each costs a merging client a request and a batch.
  package static let queryStreamCountMax = 1024
  package static let queryBucketCountMax = 10_000
  package static let queryFieldCountMax = 1_000
  /// Distinct values of all fields that are counted.
  package static let queryValueCountMax = 20_000
  /// Values of one field in an answer.
  package static let fieldValueCountMax = 100
  /// A value in an answer.
  package static let fieldTextByteCountMax = 1024

  // Deletions
  /// Deletions that a server has under way for all its clients.
  package static let deletionCountMax = 64

  // Followers
  package static let selectorCountMax = 1024
  package static let listingStreamCountMax = 1000
  /// Streams in one HEADS.
  package static let headCountMax = 1000
  /// LIST, STAT and DELETE in flight on a connection: the server builds each answer in memory.
  package static let requestCountMax = 64
}
