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

  /// What was stored of a producer.
  struct History: Hashable, Sendable {
    /// The highest number stored, 0 for a producer that has stored nothing here.
    private(set) var number: UInt64 = 0
    /// At most `Limits.producerBatchCountMax`, one per slot, in no particular order.
    private(set) var records: [Record] = []

    init() {}

    init(_ records: [Record]) {
      self.records = records
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

  /// What of it a table holds: the records up to `through` are in that of `segment`, which is 0 if none are. When a
  /// mark is first written to a later segment, all of it is, so that one segment is enough to answer every resend.
  struct Place: Hashable, Sendable {
    var segment: Int64 = 0
    var through: UInt64 = 0
  }

  private(set) var history: History
  let place: Place

  var number: UInt64 { history.number }
  var records: [Record] { history.records }

  init(_ history: History = History(), at place: Place = Place()) {
    self.history = history
    self.place = place
  }

  init(_ records: [Record], segment: Int64) {
    history = History(records)
    place = Place(segment: segment, through: history.number)
  }

  /// What the table of a segment lacks.
  func unstored(in segment: Int64) -> [Record] {
    segment == place.segment ? records.filter { $0.number > place.through } : records
  }

  func record(of number: UInt64) -> Record? { history.record(of: number) }

  mutating func add(_ record: Record) { history.add(record) }
}

/// A producer on a stream. By name: a stream has no id before its first batch is stored.
struct MarkKey: Hashable, Sendable {
  var stream: StreamName
  var producer: ProducerID
}
