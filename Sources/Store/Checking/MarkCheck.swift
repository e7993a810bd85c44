internal import LogsDisk
internal import LogsWire

/// Checks the marks of a segment: each says where a batch was stored, and if that batch is here as it was stored, it is
/// that one.
struct MarkCheck {
  private struct Place: Hashable {
    var stream: Int64
    var first: UInt64
  }

  private struct Mark {
    var number: UInt64
    var slot: UInt64
    var count: UInt64
    var check: UInt64
    var isContradicted = false
  }

  private var marks: [Place: [Mark]] = [:]
  private var isProducerDamaged = false

  init() {}

  init(_ database: borrowing Database) throws(SQLiteError) {
    let rows = try database.prepare(
      "SELECT stream, first_seq, number, slot, count, producer_check, producer FROM marks")
    while try rows.step() {
      if ProducerID(stored: rows.bytes(6)) == nil { isProducerDamaged = true }
      let place = Place(stream: rows.integer(0), first: rows.bits(1))
      marks[place, default: []].append(
        Mark(number: rows.bits(2), slot: rows.bits(3), count: rows.bits(4), check: rows.bits(5)))
    }
  }

  /// A batch that is as it was stored.
  mutating func note(_ header: BatchHeader, _ stream: Int64) {
    let place = Place(stream: stream, first: header.firstSequence)
    guard let found = marks[place] else { return }
    marks[place] = found.map { mark in
      var mark = mark
      if mark.count != UInt64(header.count) || mark.check != header.check { mark.isContradicted = true }
      return mark
    }
  }

  func findings(_ file: String, _ content: StoreContent) -> [Finding] {
    var findings: [Finding] = []
    if isProducerDamaged { findings.append(Finding(.damage, file, "a producer in marks has not 16 bytes")) }
    for (place, marks) in marks.sorted(by: { ($0.key.stream, $0.key.first) < ($1.key.stream, $1.key.first) }) {
      guard let stream = content.streams[place.stream] else { continue }
      let numbers = 1...UInt64(Limits.numberMax)
      for mark in marks {
        let isPossible =
          numbers.contains(place.first) && numbers.contains(mark.number) && mark.count > 0
          && mark.count <= UInt64(Limits.batchEntryCountMax)
          && mark.slot == mark.number % UInt64(Limits.producerBatchCountMax)
        if isPossible, !mark.isContradicted { continue }
        findings.append(
          Finding(
            .damage, file, stream: stream.name,
            isPossible
              ? "a mark says of number \(place.first) of '\(stream.name)' what is not there"
              : "a mark of '\(stream.name)' has numbers that cannot be"))
      }
    }
    return findings
  }
}
