internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// Reads a rewritten file back and compares it with the old one, entry by entry: only then may the old one go.
///
/// Invariant behind `@unchecked Sendable`: only the upkeep thread uses it.
final class CopyCheck: @unchecked Sendable {
  private let old: KeptBatches
  private let new: KeptBatches

  /// - Parameter streams: as they were when the copy was made.
  init(
    _ old: Segment, _ newPath: String, _ streams: [Int64: StreamInfo?], vfs: String?
  ) throws(SQLiteError) {
    self.old = try KeptBatches(old.path, streams, vfs: vfs)
    new = try KeptBatches(newPath, streams, vfs: vfs)
  }

  /// Compares until `deadline`.
  ///
  /// - Returns: whether all is compared.
  /// - Throws: `damage` if something differs.
  func compare(until deadline: Int64) throws(SQLiteError) -> Bool {
    repeat {
      let (before, after) = (try old.next(), try new.next())
      guard before == after else {
        throw SQLiteError(damage: "it differs from the old file, near \(old.placeText)", path: new.path)
      }
      if before == nil { return true }
    } while SystemClock.monotonic() < deadline
    return false
  }
}

/// What is kept of a segment's batches, in the order of streams and numbers.
private final class KeptBatches {
  /// A batch without what the server has added to it, or its entries where only a part of them is kept.
  enum Item: Equatable {
    case batch(stream: Int64, first: UInt64, count: UInt32, received: Int64, check: UInt64)
    case entries(stream: Int64, [LogEntry])
  }

  let path: String
  private let database: Database
  private let streams: [Int64: StreamInfo?]
  private let rows: Statement
  private var items: ArraySlice<Item> = []
  private var place: (stream: Int64, sequence: UInt64) = (.min, 0)
  private var decoder = BatchDecoder()

  init(_ path: String, _ streams: [Int64: StreamInfo?], vfs: String?) throws(SQLiteError) {
    self.path = path
    self.streams = streams
    database = try Database(path, mode: .immutable, vfs: vfs)
    rows = try database.prepare(
      """
      SELECT stream, first_seq, span, batches FROM runs INDEXED BY \(SegmentSchema.finalIndex)
      WHERE (stream, first_seq) > (?1, ?2) ORDER BY stream, first_seq LIMIT 1
      """)
  }

  /// Where it is, for messages.
  var placeText: String { "number \(place.sequence) of the stream with the id \(place.stream)" }

  func next() throws(SQLiteError) -> Item? {
    while items.isEmpty {
      rows.bind(1, place.stream)
      rows.bind(2, bits: place.sequence)
      defer { rows.reset() }
      guard try rows.step() else { return nil }
      place = (rows.integer(0), rows.bits(1))
      guard case .some(.some(let stream)) = streams[place.stream] else { continue }
      let numbers = try rows.numbers(first: 1, span: 2)
      if stream.removals.kept(of: numbers).isEmpty { continue }
      do {
        for batch in try Batch.run(rows.bytes(3)) { if let item = try item(batch, stream) { items.append(item) } }
      } catch {
        throw SQLiteError(damage: "a batch cannot be read: \(error)", path: path)
      }
    }
    return items.popFirst()
  }

  private func item(_ batch: Batch, _ stream: StreamInfo) throws(WireDecodingError) -> Item? {
    let header = batch.header
    let numbers = header.firstSequence...header.lastSequence
    let kept = stream.removals.kept(of: numbers)
    guard !kept.isEmpty else { return nil }
    if !batch.hasValidCheck { throw WireDecodingError("a batch does not pass its check", at: 0) }
    if kept == [numbers] {
      return .batch(
        stream: stream.id, first: numbers.lowerBound, count: header.count, received: header.received,
        check: header.check)
    }
    let entries = try decoder.entries(of: batch).filter { !stream.removals.contains($0.sequence) }
    return entries.isEmpty ? nil : .entries(stream: stream.id, entries)
  }
}
