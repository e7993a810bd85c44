internal import LogsWire

/// What the server remembers about a producer on a stream, so that a batch sent again is stored once (P4).
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
  /// At most `Limits.producerBatchCountMax`, one per slot, in no particular order.
  private(set) var records: [Record] = []
  /// The segment whose table holds the records up to `storedThrough`, 0 if none does. When a mark is first written to a
  /// later segment, all of it is, so that one segment is enough to answer every resend.
  private(set) var segment: Int64 = 0
  private(set) var storedThrough: UInt64 = 0

  init() {}

  init(_ records: [Record], segment: Int64) {
    self.records = records
    self.segment = segment
    number = records.map(\.number).max() ?? 0
    storedThrough = number
  }

  /// What the table of a segment lacks.
  func unstored(in segment: Int64) -> [Record] {
    segment == self.segment ? records.filter { $0.number > storedThrough } : records
  }

  /// - Parameter number: what the table holds of it: the highest number then.
  mutating func noteStored(in segment: Int64, through number: UInt64) {
    self.segment = segment
    storedThrough = number
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

/// A producer on a stream. By name: a stream has no id before its first batch is stored.
struct MarkKey: Hashable, Sendable {
  var stream: StreamName
  var producer: ProducerID
}
