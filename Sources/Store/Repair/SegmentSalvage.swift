internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// Finds what is whole of one damaged segment, and writes it to another file unless it only counts.
///
/// A batch is whole if it passes its own check and the server's, which is seeded with the stream: nothing that was not
/// stored under these numbers can pass.
final class SegmentSalvage {
  let number: Int64
  private let known: KnownStreams
  private let target: RepairedSegment?
  /// The numbers that may be in the segment: above those of the one before, below those of the next.
  private let bounds: (Int64) -> ClosedRange<UInt64>
  private var finders: [Int64: WholeBatches] = [:]
  /// Those that are whole, by their ids.
  private var dictionaries: [UInt64: BatchDictionary] = [:]
  /// Those that packed rows may need: one, unless damage makes more of it.
  private var rowDictionaries: [BatchDictionary] = []
  private let unpacker = RowUnpacker(nil)
  /// Those that saved batches need, by their streams.
  private(set) var neededDictionaries: [Int64: BatchDictionary] = [:]

  /// What there is of each stream.
  private(set) var covered: [Int64: NumberRanges] = [:]
  private(set) var byteCounts: [Int64: UInt64] = [:]
  private(set) var received: [Int64: Int64] = [:]
  private(set) var incarnations: [Int64: Set<Incarnation>] = [:]
  private(set) var entryCount: UInt64 = 0
  /// Batches as their producers sent them, of streams whose rows are lost: nothing proves their numbers.
  private(set) var unproved: [Int64: NumberRanges] = [:]
  /// How often a row's stream was looked for among all, by the one that it names.
  private var searchCounts: [Int64: Int] = [:]
  private static let searchCountMax = 64

  init(
    _ number: Int64, _ known: KnownStreams, to target: RepairedSegment?,
    within bounds: @escaping (Int64) -> ClosedRange<UInt64>
  ) {
    self.number = number
    self.known = known
    self.target = target
    self.bounds = bounds
  }

  /// Takes what batches or packed rows may need, before them.
  func add(_ dictionary: BatchDictionary, isOfRows: Bool) {
    if !isOfRows {
      dictionaries[dictionary.id] = dictionary
    } else if !rowDictionaries.contains(dictionary) {
      rowDictionaries.append(dictionary)
    }
  }

  /// Takes what SQLite finds, a segment's WAL included.
  func add(_ database: borrowing Database) throws(SQLiteError) {
    try RowScan(database).run(database) { statement throws(SQLiteError) in
      let content = unpacker.salvagedContent(
        producers: statement.bytes(SegmentRow.contentColumn + 1),
        batches: statement.bytes(SegmentRow.contentColumn + 2), rowDictionaries)
      try add(stream: statement.integer(0), content.producers, content.batches)
    } unreadable: { _, _ in
    }
  }

  /// Takes what lies in the pages of the file, however they hang together.
  func add(_ scan: PageScan) throws(SQLiteError) {
    var problem: SQLiteError?
    scan.forEachRow(rowDictionaries) { row in
      do throws(SQLiteError) { try add(stream: row.stream, row.producers, row.batches) } catch { problem = error }
    }
    if let problem { throw problem }
  }

  /// Takes the marks that can be read.
  func addMarks(_ database: borrowing Database) throws(SQLiteError) {
    let rows = try database.prepare(
      "SELECT stream, producer, number, first_seq, count, producer_check, slot FROM marks")
    while try rows.step() {
      let record = ProducerMark.Record(
        number: rows.bits(2), first: rows.bits(3), count: UInt32(truncatingIfNeeded: rows.integer(4)),
        check: rows.bits(5))
      guard let producer = ProducerID(stored: rows.bytes(1)), known[rows.integer(0)] != nil, record.number > 0,
        record.number <= UInt64(Limits.numberMax), record.first > 0, record.first <= UInt64(Limits.numberMax),
        (1...Int64(Limits.batchEntryCountMax)).contains(rows.integer(4)), record.slot == rows.bits(6)
      else { continue }
      try target?.add(record, of: producer, on: rows.integer(0))
    }
  }

  /// Takes a row, or the batches of it that are whole and not there yet.
  func add(stream id: Int64, _ producers: ByteString, _ batches: ByteString) throws(SQLiteError) {
    let dictionaries = dictionaries
    guard let found = finder(of: id)?.find(in: batches, hasDictionary: { dictionaries[$0] != nil }),
      !found.batches.isEmpty
    else {
      return try addMisplaced(id, producers, batches)
    }
    let bounds = bounds(id)
    // A segment has one dictionary for a stream at most.
    let dictionary =
      neededDictionaries[id]?.id ?? found.batches.first { $0.batch.header.dictionary != 0 }?.batch.header.dictionary
    let new = found.batches.filter { batch in
      bounds.contains(batch.numbers.lowerBound) && bounds.contains(batch.numbers.upperBound)
        && covered[id]?.overlaps(batch.numbers) != true && [0, dictionary].contains(batch.batch.header.dictionary)
    }
    guard !new.isEmpty else { return }
    let isAll = found.isAll && new.count == found.batches.count
    let senders = isAll ? Self.senders(producers, count: new.count) : nil
    var start = 0
    for index in new.indices {
      take(new[index], of: id)
      let isLast = index == new.count - 1
      guard isLast || new[index + 1].numbers.lowerBound != new[index].numbers.upperBound + 1 else { continue }
      let row = Self.row(new[start...index], of: id, start == 0 && isLast && senders != nil ? producers : ByteString())
      try target?.add(row)
      start = index + 1
    }
    for (batch, sender) in zip(new, senders ?? []) {
      let header = batch.batch.header
      let record = ProducerMark.Record(
        number: sender.number, first: header.firstSequence, count: header.count, check: header.check)
      guard (1...UInt64(Limits.numberMax)).contains(sender.number) else { continue }
      try target?.add(record, of: sender.producer, on: id)
    }
  }

  private func finder(of id: Int64) -> WholeBatches? {
    if let finder = finders[id] { return finder }
    guard let stream = known[id] else { return nil }
    let finder = WholeBatches(stream.info.name, stream.incarnations)
    finders[id] = finder
    return finder
  }

  /// Takes a row of which nothing is as it was stored for the stream that it names: that may be what is damaged.
  private func addMisplaced(_ id: Int64, _ producers: ByteString, _ batches: ByteString) throws(SQLiteError) {
    guard let batch = WholeBatches.first(in: batches) else { return }
    if searchCounts[id, default: 0] < Self.searchCountMax {
      searchCounts[id, default: 0] += 1
      for other in known.streams.keys where other != id && finder(of: other)?.isSigner(of: batch) == true {
        return try add(stream: other, producers, batches)
      }
    }
    guard known.mayBeLost(id) else { return }
    let numbers = batch.header.firstSequence...batch.header.lastSequence
    if unproved[id]?.overlaps(numbers) != true { unproved[id, default: NumberRanges()].add(numbers) }
  }

  private func take(_ found: WholeBatches.Found, of id: Int64) {
    if let dictionary = dictionaries[found.batch.header.dictionary] { neededDictionaries[id] = dictionary }
    covered[id, default: NumberRanges()].add(found.numbers)
    byteCounts[id, default: 0] += UInt64(found.batch.bytes.count)
    received[id] = found.batch.header.received
    incarnations[id, default: []].insert(found.incarnation)
    entryCount += UInt64(found.batch.header.count)
  }

  private static func senders(_ producers: ByteString, count: Int) -> [Sender]? {
    do throws(WireDecodingError) {
      let senders = try Sender.decode(producers)
      return senders.count == count ? senders : nil
    } catch { return nil }
  }

  private static func row(
    _ batches: ArraySlice<WholeBatches.Found>, of stream: Int64, _ producers: ByteString
  ) -> SegmentRow {
    var writer = ByteWriter(capacity: batches.reduce(0) { $0 + $1.batch.bytes.count })
    var row: SegmentRow?
    for found in batches {
      let header = found.batch.header
      let piece = SegmentRow(
        stream: stream, numbers: found.numbers, entryCount: Int64(header.count),
        minTime: header.effectiveTimes.lowerBound, maxTime: header.effectiveTimes.upperBound,
        severities: Int64(header.severities), received: header.received, rawLength: Int64(header.rawLength),
        producers: producers, batches: ByteString())
      if row == nil { row = piece } else { row?.add(piece) }
      writer.append(found.batch.bytes)
    }
    guard var row else { preconditionFailure("a row has batches") }
    row.batches = writer.finish()
    return row
  }
}
