internal import LogsDisk
internal import LogsWire

/// What a repair has found missing from a segment, in its table `lost` (`spec/storage.md`, 3.11). Readers need not know
/// it: they report as lost what is not there. A check does not report again what is known.
struct LostRanges {
  static let table = "lost"
  static let schema = """
    CREATE TABLE \(table)(
      stream INTEGER NOT NULL,
      first_seq INTEGER NOT NULL,
      last_seq INTEGER NOT NULL
    )
    """

  private var ranges: [Int64: [ClosedRange<UInt64>]] = [:]

  var isEmpty: Bool { ranges.isEmpty }

  static func read(_ database: borrowing Database) throws(SQLiteError) -> LostRanges {
    var lost = LostRanges()
    guard try SegmentSchema.has(table, database) else { return lost }
    let rows = try database.prepare("SELECT stream, first_seq, last_seq FROM \(table) ORDER BY 1, 2")
    while try rows.step() {
      let (first, last) = (rows.bits(1), rows.bits(2))
      guard first > 0, first <= last, last <= Limits.numberMax else { continue }
      lost.add(first...last, rows.integer(0))
    }
    return lost
  }

  mutating func add(_ numbers: ClosedRange<UInt64>, _ stream: Int64) { ranges[stream, default: []].append(numbers) }

  func write(_ database: borrowing Database) throws(SQLiteError) {
    try database.execute(Self.schema)
    let insert = try database.prepare("INSERT INTO \(Self.table) VALUES(?1, ?2, ?3)")
    for (stream, ranges) in ranges.sorted(by: { $0.key < $1.key }) {
      for range in ranges {
        insert.bind(1, stream)
        insert.bind(2, bits: range.lowerBound)
        insert.bind(3, bits: range.upperBound)
        try insert.run()
      }
    }
  }

  /// Splits `numbers` into what is known to be lost and what is not, ascending.
  func parts(of numbers: ClosedRange<UInt64>, _ stream: Int64) -> [(numbers: ClosedRange<UInt64>, isKnown: Bool)] {
    var parts: [(numbers: ClosedRange<UInt64>, isKnown: Bool)] = []
    var next = numbers.lowerBound
    for range in (ranges[stream] ?? []).sorted(by: { $0.lowerBound < $1.lowerBound }) {
      guard next <= numbers.upperBound else { break }
      let (first, last) = (max(range.lowerBound, next), min(range.upperBound, numbers.upperBound))
      guard first <= last else { continue }
      if first > next { parts.append((next...first - 1, false)) }
      parts.append((first...last, true))
      next = last + 1
    }
    if next <= numbers.upperBound { parts.append((next...numbers.upperBound, false)) }
    return parts
  }
}
