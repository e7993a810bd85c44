internal import LogsWire

/// What the server remembers of a producer on a stream, so that a batch sent again is stored once (P4).
struct ProducerMark: Hashable, Sendable {
  /// One batch of the producer that was stored.
  struct Record: Hashable, Sendable {
    var number: UInt64
    var first: UInt64
    var count: UInt32
    /// The producer's own check of the batch, `BatchHeader.check`.
    var check: UInt64

    /// Where the record stands in the table; the next batch with the same slot replaces it.
    var slot: UInt64 { number % UInt64(Limits.producerBatchCountMax) }
  }

  /// The highest number stored, 0 for a producer that has stored nothing here.
  private(set) var number: UInt64 = 0
  /// At most `Limits.producerBatchCountMax`, one a slot, in no order.
  private(set) var records: [Record] = []
  /// The segment whose table holds all the records, 0 when none does. The first batch in a later segment writes all of them
  /// there, so that one segment is enough to answer every resend.
  var segment: Int64 = 0

  init() {}

  init(_ records: [Record], segment: Int64) {
    self.records = records
    self.segment = segment
    number = records.map(\.number).max() ?? 0
  }

  func record(of number: UInt64) -> Record? { records.first { $0.number == number } }

  mutating func add(_ record: Record) {
    precondition(record.number > number, "a mark only grows")
    number = record.number
    if let index = records.firstIndex(where: { $0.slot == record.slot }) {
      records[index] = record
    } else {
      records.append(record)
    }
  }
}

/// Whose mark on which stream. By name: a stream has no id before its first batch is stored.
struct MarkKey: Hashable, Sendable {
  var stream: StreamName
  var producer: ProducerID
}

extension ProducerID {
  /// The 16 bytes as they are stored.
  var bytes: Bytes {
    var writer = ByteWriter(capacity: 16)
    writer.append(u64: high.byteSwapped)
    writer.append(u64: low.byteSwapped)
    return writer.finish()
  }
}
