internal import LogsWire

/// What a producer has accepted and the server has not answered, per stream in the order of acceptance.
///
/// Numbers rise with each batch and are never used again. The window of a stream is its first batch and those whose
/// numbers are less than `Limits.producerBatchCountMax` above that one's: only they may have been sent, so that the
/// server's mark can tell each of them from a new one whatever is lost (`spec/session.md`, section 4.2), and only
/// batches after the window may be dropped. Used by one thread at a time.
protocol Backlog: AnyObject {
  /// The identity that numbers new batches.
  var producer: ProducerID { get }
  var totals: BacklogTotals { get }
  /// Streams with batches, ascending.
  var streams: [StreamName] { get }
  /// The lowest id of all batches; nil when there is none.
  var oldestID: Int64? { get }

  /// Removes answered batches and adds new ones at the end, all or nothing. They are then as durable as this backlog
  /// makes anything.
  ///
  /// - Returns: the ids of the new ones, ascending.
  func store(_ batches: [EncodedBatch], removing answered: [Int64]) throws(LogError) -> [Int64]

  /// The batches of the stream's window whose ids are above `id`, in order. All are of one producer: those of another
  /// one come after the first ones are removed.
  func window(of stream: StreamName, after id: Int64) throws(LogError) -> [BacklogBatch]

  /// Drops the oldest batches after the windows until at most `byteCountMax` bytes are left or nothing more may be
  /// dropped.
  ///
  /// Each run of dropped batches of a stream is replaced by a notice: a batch of one entry that says how many entries
  /// are missing and why, including those that notices among the dropped batches stood for. A notice after the window
  /// is joined with the next one if the reason is the same.
  func dropOldest(keeping byteCountMax: Int) throws(LogError) -> [DroppedEntries]

  /// The same for batches that were accepted before `time`, in ns since 1970.
  func drop(acceptedBefore time: Int64) throws(LogError) -> [DroppedEntries]

  /// How far the sources have been read whose entries were stored, by key.
  func bookmarks() throws(LogError) -> [String: ByteString]

  /// Stores bookmarks under keys that have none yet.
  func note(_ bookmarks: [SourceBookmark]) throws(LogError)

  /// Closes it cleanly. Nothing may be called afterwards.
  func close()
}

struct BacklogTotals: Hashable, Sendable {
  var batchCount = 0
  /// Entries of the application: notices do not count.
  var entryCount: UInt64 = 0
  /// The stored bytes of the batches, plus `BacklogBatch.overheadByteCount` for each.
  var byteCount = 0
}

/// A batch that is to be added to a backlog, which numbers it.
struct EncodedBatch: Sendable {
  var stream: StreamName
  var content: AppendLane.Content
  /// How many entries of the application it has: 0 for a notice or a completion.
  var entryCount: Int
  /// When it was accepted, in ns since 1970.
  var accepted: Int64
  /// Whether it is stored together with the next one, or not at all.
  var isFollowed = false
  /// Stored with it.
  var bookmarks: [SourceBookmark] = []
  /// Stored no later than it, and before bookmarks of the same key.
  var beginnings: [SourceBookmark] = []
  /// Those who wait for it. A backlog does not store them, since they end with the process.
  var shares: [Share] = []
}

struct BacklogBatch: Sendable {
  static let overheadByteCount = 256

  let id: Int64
  let key: AppendQueue.Key
  let number: UInt64
  let content: AppendLane.Content
  let entryCount: Int
}

/// Entries that were dropped from one stream, for one reason.
struct DroppedEntries: Hashable, Sendable {
  var stream: StreamName
  var entryCount: UInt64
  var reason: DropReason
  /// All batches of the stream up to this one have been dropped, except for those in its window.
  var idLast: Int64
}
