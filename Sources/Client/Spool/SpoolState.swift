internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// What a spool keeps in memory: a few words for each stream, nothing for a batch.
///
/// A transaction changes it along with the file. Between `begin` and `commit` it can be rolled back, at the cost of the
/// streams that were changed.
struct SpoolState {
  struct Stream: Hashable {
    /// Its row in the file.
    var row: Int64
    /// The number of its next batch.
    var nextNumber: UInt64
    var totals = BacklogTotals()
  }

  /// Everything but the streams: small enough to be copied for each transaction.
  struct Header: Hashable {
    /// The identity that numbers new batches.
    var producer: ProducerID
    /// Ids of batches are even; the odd id after each is for the notice that may replace it. Ids are never reused.
    var nextID: Int64 = 2
    /// The first number of a stream without batches: above every number used by streams that are forgotten.
    var nextNumber: UInt64 = 1
    var totals = BacklogTotals()
    var oldestID: Int64?
    /// Whether the last process closed the file cleanly.
    var isClosed = false
  }

  private(set) var header: Header
  private(set) var streams: [StreamName: Stream]
  private var headerBefore: Header?
  /// The streams that the open transaction has changed, as they were before.
  private var streamsBefore: [StreamName: Stream?] = [:]

  init(header: Header, streams: [StreamName: Stream] = [:]) {
    self.header = header
    self.streams = streams
  }

  // MARK: Transactions

  mutating func begin() {
    headerBefore = header
    streamsBefore = [:]
  }

  mutating func commit() {
    headerBefore = nil
    streamsBefore = [:]
  }

  mutating func rollBack() {
    if let headerBefore { header = headerBefore }
    for (name, stream) in streamsBefore { streams[name] = stream }
    commit()
  }

  var isChanged: Bool { header != headerBefore || !streamsBefore.isEmpty }

  /// The changes of the open transaction, ascending by name: the row to remove, the stream to write.
  var changes: [(name: StreamName, removedRow: Int64?, stream: Stream?)] {
    streamsBefore.keys.sorted().map { name in
      let before = streamsBefore[name].flatMap { $0 }
      let now = streams[name]
      return (name, before?.row == now?.row ? nil : before?.row, now == before ? nil : now)
    }
  }

  // MARK: Changing

  /// Gives a new batch its id and number.
  mutating func add(_ batch: EncodedBatch) -> SpoolRow {
    var stream = self.stream(batch.stream)
    let row = SpoolRow(
      id: takeID(), key: AppendQueue.Key(producer: header.producer, stream: batch.stream), number: stream.nextNumber,
      batch)
    stream.nextNumber += 1
    stream.totals += row.summary.totals
    set(batch.stream, stream)
    header.totals += row.summary.totals
    return row
  }

  /// Counts a notice that replaces batches.
  mutating func insert(_ notice: SpoolRow) {
    var stream = self.stream(notice.stream)
    stream.totals += notice.summary.totals
    set(notice.stream, stream)
    header.totals += notice.summary.totals
  }

  /// Subtracts a batch. A stream without batches is forgotten.
  ///
  /// - Throws: if it was never counted.
  mutating func remove(_ totals: BacklogTotals, of name: StreamName) throws(SpoolMiscount) {
    guard var stream = streams[name], stream.totals.includes(totals) else { throw SpoolMiscount() }
    stream.totals -= totals
    header.totals -= totals
    if stream.totals.batchCount == 0 {
      header.nextNumber = max(header.nextNumber, stream.nextNumber)
      set(name, nil)
    } else {
      set(name, stream)
    }
  }

  mutating func setOldest(_ id: Int64?) { header.oldestID = id }
  mutating func setClosed(_ isClosed: Bool) { header.isClosed = isClosed }

  /// Continues with a new identity: the numbers of the old one cannot be trusted any more.
  mutating func renew() { header.producer = .random() }

  private mutating func takeID() -> Int64 {
    defer { header.nextID += 2 }
    return header.nextID
  }

  /// The stream, or a new one.
  private mutating func stream(_ name: StreamName) -> Stream {
    streams[name] ?? Stream(row: takeID(), nextNumber: header.nextNumber)
  }

  private mutating func set(_ name: StreamName, _ stream: Stream?) {
    if headerBefore != nil, streamsBefore[name] == nil { streamsBefore.updateValue(streams[name], forKey: name) }
    streams[name] = stream
  }
}

/// Batches that were never counted are to be removed: the file is damaged.
struct SpoolMiscount: Error {}

extension BacklogTotals {
  static func += (left: inout BacklogTotals, right: BacklogTotals) {
    left.batchCount += right.batchCount
    left.entryCount += right.entryCount
    left.byteCount += right.byteCount
  }

  static func -= (left: inout BacklogTotals, right: BacklogTotals) {
    left.batchCount -= right.batchCount
    left.entryCount -= right.entryCount
    left.byteCount -= right.byteCount
  }

  /// Whether `other` can be subtracted from it.
  func includes(_ other: BacklogTotals) -> Bool {
    batchCount >= other.batchCount && entryCount >= other.entryCount && byteCount >= other.byteCount
  }
}
