internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// Reads a rewritten file back and compares it with the old one, entry by entry: only then may the old one go.
///
/// Invariant behind `@unchecked Sendable`: only the upkeep thread uses it.
final class CopyCheck: @unchecked Sendable {
  private let old: KeptEntries
  private let new: KeptEntries

  /// - Parameter streams: as they were when the copy was made.
  init(
    _ old: Segment, _ newPath: String, _ streams: [Int64: StreamInfo?], vfs: String?
  ) throws(SQLiteError) {
    self.old = try KeptEntries(old.path, streams, isNew: false, vfs: vfs)
    new = try KeptEntries(newPath, streams, isNew: true, vfs: vfs)
  }

  /// Compares until `deadline`.
  ///
  /// - Returns: whether all is compared.
  /// - Throws: `damage` if something differs.
  func compare(until deadline: Int64) throws(SQLiteError) -> Bool {
    repeat {
      try old.fill()
      try new.fill()
      if old.isEnd, new.isEnd { return true }
      let count = min(old.entries.count, new.entries.count)
      guard count > 0, old.stream == new.stream, old.entries.prefix(count) == new.entries.prefix(count) else {
        throw SQLiteError(damage: "it differs from the old file, near \(old.placeText)", path: new.path)
      }
      old.entries.removeFirst(count)
      new.entries.removeFirst(count)
    } while SystemClock.monotonic() < deadline
    return false
  }
}

/// What is kept of a segment's entries, in the order of streams and numbers.
private final class KeptEntries {
  let path: String
  /// Whose entries these are.
  private(set) var stream: Int64 = .min
  /// The next ones; none at the end, once filled.
  var entries: ArraySlice<EntryDigest> = []
  private let database: Database
  private let streams: [Int64: StreamInfo?]
  private let rows: Statement
  private let dictionaries: SegmentDictionaries?
  private let rowUnpacker: RowUnpacker
  private var batches: ArraySlice<Batch> = []
  private var sequence: UInt64 = 0
  private let unpacker = BatchUnpacker()
  /// Of the new file, which has to say of its batches what is true.
  private var proof: Proof?

  init(_ path: String, _ streams: [Int64: StreamInfo?], isNew: Bool, vfs: String?) throws(SQLiteError) {
    self.path = path
    self.streams = streams
    database = try Database(path, mode: .immutable, vfs: vfs)
    proof = isNew ? try Proof(of: database, path) : nil
    dictionaries = try SegmentDictionaries(database)
    rowUnpacker = RowUnpacker(dictionaries)
    rows = try database.prepare(
      """
      SELECT \(SegmentRow.columns(try RowPacking(of: database))) FROM runs INDEXED BY \(SegmentSchema.finalIndex)
      WHERE (stream, first_seq) > (?1, ?2) ORDER BY stream, first_seq LIMIT 1
      """)
  }

  var isEnd: Bool { entries.isEmpty }

  /// Where it is, for messages.
  var placeText: String { "number \(entries.first?.sequence ?? sequence) of the stream with the id \(stream)" }

  /// Reads on if nothing is left.
  func fill() throws(SQLiteError) {
    while entries.isEmpty {
      if batches.isEmpty {
        guard try nextRow() else { return }
        continue
      }
      guard let batch = batches.popFirst(), case .some(.some(let stream)) = streams[stream] else { continue }
      do {
        try take(batch, stream)
      } catch {
        throw SQLiteError(damage: "a batch cannot be read: \(error)", path: path)
      }
    }
  }

  /// - Returns: false at the end.
  private func nextRow() throws(SQLiteError) -> Bool {
    rows.bind(1, stream)
    rows.bind(2, bits: sequence)
    defer { rows.reset() }
    guard try rows.step() else { return false }
    (stream, sequence) = (rows.integer(0), rows.bits(1))
    guard case .some(.some(let info)) = streams[stream] else { return true }
    let numbers = try rows.numbers(first: 1, span: 2)
    if info.removals.kept(of: numbers).isEmpty { return true }
    let row = try SegmentRow(rows, rowUnpacker)
    let dictionary = try dictionaries?.dictionary(of: stream)
    do {
      let batches = try Batch.run(row.batches, dictionary)
      try proof?.check(row, batches, of: info)
      self.batches = batches[...]
    } catch {
      throw SQLiteError(damage: "a row cannot be read: \(error)", path: path)
    }
    return true
  }

  private func take(_ batch: Batch, _ stream: StreamInfo) throws(WireDecodingError) {
    let kept = stream.removals.kept(of: batch.header.firstSequence...batch.header.lastSequence)
    if kept.isEmpty { return }
    if !batch.hasValidCheck { throw WireDecodingError("it does not pass its check", at: 0) }
    let digests = try BatchRows(batch, unpacker).digests()
    entries = stream.removals.isEmpty ? digests[...] : digests.filter { !stream.removals.contains($0.sequence) }[...]
  }
}

/// What must be true of a new file's rows and batches besides their entries: readers pass over what headers and rows
/// rule out, and deliver only what is signed.
private struct Proof: ~Copyable {
  private var checker = BatchChecker()
  private var incarnations: [Int64: Incarnation] = [:]

  init(of database: borrowing Database, _ path: String) throws(SQLiteError) {
    let first = try SegmentDictionaries.streams(in: SegmentDictionaries.tables[0], database)
    let second = try SegmentDictionaries.streams(in: SegmentDictionaries.tables[1], database)
    guard first.all == second.all, first.damaged.isEmpty, second.damaged.isEmpty else {
      throw SQLiteError(damage: "its dictionaries are not there twice", path: path)
    }
    let streams = try database.prepare("SELECT id, incarnation FROM streams")
    while try streams.step() { incarnations[streams.integer(0)] = Incarnation(streams.bits(1)) }
  }

  mutating func check(_ row: SegmentRow, _ batches: [Batch], of stream: StreamInfo) throws(WireDecodingError) {
    guard let incarnation = incarnations[stream.id], let first = batches.first else {
      throw WireDecodingError("its stream or its batches are missing", at: 0)
    }
    let seed = BatchHeader.serverSeed(stream: stream.name, incarnation: incarnation)
    var expected = SegmentRow(first, of: stream.id)
    for (index, batch) in batches.enumerated() {
      guard batch.hasValidServerCheck(seed: seed) else { throw WireDecodingError("a batch is not signed", at: 0) }
      // Others are as their producers made them.
      if batch.header.flags.contains(.reencoded) { try checker.check(numbered: batch) }
      if index > 0 {
        guard batch.header.firstSequence == expected.numbers.upperBound + 1 else {
          throw WireDecodingError("its batches do not follow each other", at: 0)
        }
        expected.add(SegmentRow(batch, of: stream.id))
      }
    }
    guard row.says(expected) else { throw WireDecodingError("it disagrees with its batches", at: 0) }
  }
}
