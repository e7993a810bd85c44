internal import LogsWire

/// Batches of one stream that become one row of `runs`.
struct RunDraft {
  /// Where a run ends, so that a reader never has to copy more at once; one batch may be larger.
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
  /// Server's parts and the rest of their batches, in turn.
  private var pieces: [Bytes] = []
  /// Whose each batch is, and its number there.
  private var senders: [Sender] = []
  /// `senders` as they are stored.
  private(set) var producers = Bytes()
  /// The numbered batches end to end, once the run is finished.
  private(set) var batches = Bytes()

  init(first: UInt64) { self.first = first }

  var last: UInt64 { first + span - 1 }

  func hasRoom(for header: BatchHeader) -> Bool { byteCount + header.batchByteCount <= Self.byteCountMax }

  /// Adds a batch whose server's part is `part`.
  mutating func append(_ header: BatchHeader, _ part: Bytes, _ bytes: Bytes, _ sender: Sender) {
    let times = header.effectiveTimes
    span += UInt64(header.span)
    entryCount += UInt64(header.count)
    minTime = min(minTime, times.lowerBound)
    maxTime = max(maxTime, times.upperBound)
    severities |= header.severities
    received = header.received
    rawLength += UInt64(header.rawLength)
    byteCount += header.batchByteCount
    senders.append(sender)
    pieces.append(part)
    pieces.append(bytes[BatchHeader.serverPart.upperBound..<bytes.count])
  }

  /// Lays the batches end to end: the one copy on their way to the disk and to every follower.
  mutating func finish() {
    var writer = ByteWriter(capacity: byteCount)
    for piece in pieces { writer.append(piece) }
    pieces = []
    batches = writer.finish()
    producers = Sender.encode(senders)
  }
}
