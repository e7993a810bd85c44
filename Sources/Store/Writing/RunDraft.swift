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
  private var batchByteCount = 0
  /// What it is made of: mostly one.
  private var firstPiece: Piece?
  private var furtherPieces: [Piece] = []
  /// The batches' senders as they are stored, once the run is finished.
  private(set) var producers = ByteString()
  /// The numbered batches end to end, once the run is finished.
  private(set) var batches = ByteString()

  /// A batch as it came, its first number, and its sender.
  fileprivate struct Piece {
    let batch: Batch
    let first: UInt64
    let received: Int64
    let sender: Sender?
  }

  /// Bytes of the finished run and its senders.
  var byteCount: Int { batches.count + producers.count }

  var numbers: ClosedRange<UInt64> { first...(first + span - 1) }

  /// The finished run.
  var run: Run { Run(numbers, batches) }

  init(first: UInt64) { self.first = first }

  func hasRoom(for batch: Batch) -> Bool { batchByteCount + batch.bytes.count <= Self.byteCountMax }

  /// Adds a batch, which gets the next numbers.
  ///
  /// - Parameter sender: nil for the server itself, which adds to its own streams only.
  mutating func append(_ batch: Batch, received: Int64, _ sender: Sender?) {
    var header = batch.header
    header.received = received
    let times = header.effectiveTimes
    let piece = Piece(batch: batch, first: first + span, received: received, sender: sender)
    if firstPiece == nil { firstPiece = piece } else { furtherPieces.append(piece) }
    span += UInt64(header.count)
    entryCount += UInt64(header.count)
    minTime = min(minTime, times.lowerBound)
    maxTime = max(maxTime, times.upperBound)
    severities |= header.severities
    self.received = received
    rawLength += UInt64(header.rawLength)
    batchByteCount += batch.bytes.count
  }

  /// Puts the batches end to end, numbered and signed: the one copy on their way to the disk and to every follower.
  mutating func finish(seed: UInt64) {
    var writer = ByteWriter(capacity: batchByteCount + Sender.byteCount)
    firstPiece?.appendBatch(seed: seed, to: &writer)
    if furtherPieces.isEmpty {
      // In the same memory: who keeps the batch keeps few bytes more.
      let end = writer.count
      firstPiece?.sender?.encode(to: &writer)
      let bytes = writer.finish()
      batches = bytes[0..<end]
      producers = bytes[end..<bytes.count]
    } else {
      for index in furtherPieces.indices { furtherPieces[index].appendBatch(seed: seed, to: &writer) }
      batches = writer.finish()
      producers = Sender.encode([firstPiece?.sender].compactMap(\.self) + furtherPieces.compactMap(\.sender))
    }
    firstPiece = nil
    furtherPieces = []
  }
}

extension RunDraft.Piece {
  fileprivate func appendBatch(seed: UInt64, to writer: inout ByteWriter) {
    batch.appendNumbered(
      firstSequence: first, received: received, span: batch.header.count, seed: seed, to: &writer)
  }
}
