internal import LogsWire

/// A batch as the spool stores it: everything that is needed to send it, and a check over all of that.
///
/// A row can be trusted by itself, whatever has happened to the file around it.
struct SpoolRow {
  enum Kind: Int64 {
    case batch = 0
    case completion = 1
    /// A notice about dropped entries; it has none of the application's.
    case notice = 2
  }

  let id: Int64
  let key: AppendQueue.Key
  let number: UInt64
  let kind: Kind
  /// Entries of the application.
  let entryCount: Int
  /// Entries in the batch: a notice is one.
  let batchEntryCount: Int
  /// In ns since 1970.
  let accepted: Int64
  /// The batch, or the text of a completion.
  let bytes: ByteString

  var stream: StreamName { key.stream }

  var content: AppendLane.Content {
    switch kind {
    case .batch, .notice: .batch(bytes, entryCount: batchEntryCount)
    case .completion: .completion(text: bytes.text)
    }
  }

  var batch: BacklogBatch {
    BacklogBatch(id: id, key: key, number: number, content: content, entryCount: entryCount)
  }

  var summary: SpoolSummary {
    SpoolSummary(
      id: id, key: key, number: number, kind: kind, entryCount: UInt64(entryCount), byteCount: content.byteCount)
  }

  var checksum: UInt64 {
    var writer = ByteWriter()
    writer.append(i64: id)
    writer.append(key.producer.bytes)
    writer.append(u64: number)
    writer.append(i64: kind.rawValue)
    writer.append(u64: UInt64(entryCount))
    writer.append(u64: UInt64(batchEntryCount))
    writer.append(i64: accepted)
    writer.append(u64: UInt64(bytes.count))
    writer.append(u64: XXH3.hash(bytes.span))
    writer.append(utf8: stream.text)
    return XXH3.hash(writer.span, seed: SpoolSchema.Seed.batch)
  }
}

/// A batch without its content.
struct SpoolSummary {
  let id: Int64
  let key: AppendQueue.Key
  let number: UInt64
  let kind: SpoolRow.Kind
  /// Its share of the totals.
  let totals: BacklogTotals

  init(id: Int64, key: AppendQueue.Key, number: UInt64, kind: SpoolRow.Kind, entryCount: UInt64, byteCount: Int) {
    self.id = id
    self.key = key
    self.number = number
    self.kind = kind
    totals = BacklogTotals(
      batchCount: 1, entryCount: entryCount, byteCount: byteCount + BacklogBatch.overheadByteCount)
  }

  var stream: StreamName { key.stream }
}

extension SpoolRow {
  init(id: Int64, key: AppendQueue.Key, number: UInt64, _ batch: EncodedBatch) {
    let (kind, bytes, count): (Kind, ByteString, Int) =
      switch batch.content {
      case .batch(let bytes, let count): (batch.entryCount == 0 ? .notice : .batch, bytes, count)
      case .completion(let text): (.completion, ByteString(text), 0)
      }
    self.init(
      id: id, key: key, number: number, kind: kind, entryCount: batch.entryCount, batchEntryCount: count,
      accepted: batch.accepted, bytes: bytes)
  }

  /// From values read from a file; nil if they cannot be those of a row.
  init?<Values: SpoolValues & ~Copyable>(id: Int64, values: borrowing Values) {
    guard let producer = ProducerID(stored: values.bytes(1)), let kind = Kind(rawValue: values.integer(4)),
      let number = UInt64(exactly: values.integer(3)), let entryCount = Int(exactly: values.integer(5)),
      let batchEntryCount = Int(exactly: values.integer(6)), entryCount >= 0, batchEntryCount >= 0
    else { return nil }
    self.init(
      id: id, key: AppendQueue.Key(producer: producer, stream: StreamName(stored: values.text(2))), number: number,
      kind: kind, entryCount: entryCount, batchEntryCount: batchEntryCount, accepted: values.integer(7),
      bytes: values.bytes(9))
    if checksum != UInt64(bitPattern: values.integer(8)) { return nil }
  }
}

/// The batches of a stream that may have been sent: those of one producer, no further from the first one than a mark
/// covers.
///
/// It only moves forward: a batch in it stays in it until it is removed.
struct SpoolWindow {
  /// The stream's first batch.
  let firstID: Int64
  let producer: ProducerID
  let numbers: Range<UInt64>

  /// - Parameters:
  ///   - firstID: the stream's first batch.
  ///   - producer: of that batch.
  ///   - number: its number. After a gap in the numbers the window has fewer than 32 batches: number n waits until
  ///     n - 32 is answered (`spec/session.md`, section 4.2), whether that was ever sent or not.
  init(firstID: Int64, producer: ProducerID, number: UInt64) {
    self.firstID = firstID
    self.producer = producer
    numbers = number..<number + UInt64(Limits.producerBatchCountMax)
  }

  func contains(_ batch: SpoolSummary) -> Bool { batch.key.producer == producer && numbers.contains(batch.number) }
}
