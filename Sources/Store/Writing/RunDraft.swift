internal import LogsWire

/// Batches of one stream that become one row of `runs`.
struct RunDraft {
  /// The largest run, so that a reader never has to copy more at once; a single batch may be larger.
  static let byteCountMax = 1 << 20

  let first: UInt64
  private(set) var span: UInt64 = 0
  private(set) var entryCount: UInt64 = 0
  private(set) var minTime = Int64.max
  private(set) var maxTime = Int64.min
  private(set) var severities: UInt32 = 0
  private(set) var received: Int64 = 0
  private(set) var rawLength: UInt64 = 0
  private var byteCount = 0
  /// The batches as they came, their numbers, and their senders.
  private var pieces: [(batch: Batch, first: UInt64, received: Int64, sender: Sender?)] = []
  /// The batches' senders as they are stored, once the run is finished.
  private(set) var producers = ByteString()
  /// The numbered batches end to end, once the run is finished.
  private(set) var batches = ByteString()

  /// The finished run.
  var run: Run { Run(first...(first + span - 1), batches) }

  init(first: UInt64) { self.first = first }

  func hasRoom(for batch: Batch) -> Bool { byteCount + batch.bytes.count <= Self.byteCountMax }

  /// Adds a batch, which gets the next numbers.
  ///
  /// - Parameter sender: nil for the server itself, which adds to its own streams only.
  mutating func append(_ batch: Batch, received: Int64, _ sender: Sender?) {
    var header = batch.header
    header.received = received
    let times = header.effectiveTimes
    pieces.append((batch, first + span, received, sender))
    span += UInt64(header.count)
    entryCount += UInt64(header.count)
    minTime = min(minTime, times.lowerBound)
    maxTime = max(maxTime, times.upperBound)
    severities |= header.severities
    self.received = received
    rawLength += UInt64(header.rawLength)
    byteCount += batch.bytes.count
  }

  /// Puts the batches end to end, numbered and signed: the one copy on their way to the disk and to every follower.
  mutating func finish(seed: UInt64) {
    var writer = ByteWriter(capacity: byteCount)
    for (batch, first, received, _) in pieces {
      batch.appendNumbered(
        firstSequence: first, received: received, span: batch.header.count, seed: seed, to: &writer)
    }
    batches = writer.finish()
    producers = Sender.encode(pieces.compactMap(\.sender))
    pieces = []
  }
}
