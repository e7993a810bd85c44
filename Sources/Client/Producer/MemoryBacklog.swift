internal import LogsSystem
internal import LogsWire

/// A backlog in memory: as durable as the process.
final class MemoryBacklog: Backlog {
  private struct Item {
    var batch: BacklogBatch
    let accepted: Int64
    /// Its notice, if the backlog has made it.
    var notice: DropNotice?

    var byteCount: Int { batch.content.byteCount + BacklogBatch.overheadByteCount }
  }

  private struct Lane {
    var items = Deque<Item>()
    var numberLast: UInt64

    /// How many batches are in the window.
    var windowCount: Int {
      guard let first = items.first?.batch.number else { return 0 }
      let end = first + UInt64(Limits.producerBatchCountMax)
      return (0..<items.count).first { items[$0].batch.number >= end } ?? items.count
    }
  }

  let producer = ProducerID.random()
  private(set) var totals = BacklogTotals()
  private var lanes: [StreamName: Lane] = [:]
  private var lanesOfIDs: [Int64: StreamName] = [:]
  private var idLast: Int64
  /// No batch up to this one is left, and perhaps none up to a later one.
  private var idGoneKnown: Int64
  /// No stream without batches has used a higher number.
  private var forgottenNumberLast: UInt64 = 0
  private let now: () -> Int64

  /// - Parameter idFirst: ids ascend from here, one for each batch.
  init(idFirst: Int64 = 1, now: @escaping () -> Int64) {
    idLast = idFirst - 1
    idGoneKnown = idLast
    self.now = now
  }

  /// No batch up to this one is left: each was answered or dropped.
  var idGone: Int64 {
    while idGoneKnown < idLast, lanesOfIDs[idGoneKnown + 1] == nil { idGoneKnown += 1 }
    return idGoneKnown
  }

  var streams: [StreamName] { lanes.keys.sorted() }

  var oldestID: Int64? { lanes.values.lazy.compactMap { $0.items.first?.batch.id }.min() }

  func store(_ batches: [EncodedBatch], removing answered: [Int64]) throws(LogError) -> [Int64] {
    for id in answered { remove(id) }
    return batches.map { add($0) }
  }

  private func add(_ batch: EncodedBatch) -> Int64 {
    idLast += 1
    let number = (lanes[batch.stream]?.numberLast ?? forgottenNumberLast) + 1
    let item = Item(
      batch: BacklogBatch(
        id: idLast, key: AppendQueue.Key(producer: producer, stream: batch.stream), number: number,
        content: batch.content, entryCount: batch.entryCount), accepted: batch.accepted)
    lanes[batch.stream, default: Lane(numberLast: number)].items.append(item)
    lanes[batch.stream]?.numberLast = number
    lanesOfIDs[idLast] = batch.stream
    count(item, sign: 1)
    return idLast
  }

  private func remove(_ id: Int64) {
    guard let stream = lanesOfIDs.removeValue(forKey: id), let items = lanes[stream]?.items else { return }
    // Answered batches are in the window, near the front.
    guard let offset = (0..<items.count).first(where: { items[$0].batch.id == id }) else { return }
    count(items[offset], sign: -1)
    lanes[stream]?.items.remove(at: offset)
    guard let lane = lanes[stream], lane.items.isEmpty else { return }
    forgottenNumberLast = max(forgottenNumberLast, lane.numberLast)
    lanes[stream] = nil
  }

  private func count(_ item: Item, sign: Int) {
    totals.batchCount += sign
    totals.byteCount += sign * item.byteCount
    totals.entryCount = UInt64(Int(totals.entryCount) + sign * item.batch.entryCount)
  }

  func window(of stream: StreamName, after id: Int64) throws(LogError) -> [BacklogBatch] {
    guard let lane = lanes[stream] else { return [] }
    return (0..<lane.windowCount).map { lane.items[$0].batch }.filter { $0.id > id }
  }

  // MARK: Dropping

  func dropOldest(keeping byteCountMax: Int) throws(LogError) -> [DroppedEntries] {
    var dropped: [DroppedEntries] = []
    // Each iteration leaves one batch fewer that may be dropped.
    while totals.byteCount > byteCountMax, let stream = oldestDroppable() {
      if let entries = dropFirst(of: stream, .queueFull) { dropped.append(entries) }
    }
    return dropped
  }

  func drop(acceptedBefore time: Int64) throws(LogError) -> [DroppedEntries] {
    var dropped: [DroppedEntries] = []
    for stream in streams {
      while let lane = lanes[stream], let offset = firstDroppable(of: lane), lane.items[offset].accepted < time {
        if let entries = dropFirst(of: stream, .tooOld) { dropped.append(entries) }
      }
    }
    return dropped
  }

  /// The index of the first batch after the window that is neither a notice nor a completion.
  private func firstDroppable(of lane: Lane) -> Int? {
    (lane.windowCount..<lane.items.count).first { lane.items[$0].batch.entryCount > 0 }
  }

  /// The stream with the oldest batch that may be dropped.
  private func oldestDroppable() -> StreamName? {
    var oldest: (id: Int64, stream: StreamName)?
    for (stream, lane) in lanes {
      guard let offset = firstDroppable(of: lane) else { continue }
      let id = lane.items[offset].batch.id
      if id < oldest?.id ?? .max { oldest = (id, stream) }
    }
    return oldest?.stream
  }

  /// Replaces the first batch after the window by a notice, or adds it to the notice before it.
  private func dropFirst(of stream: StreamName, _ reason: DropReason) -> DroppedEntries? {
    guard let lane = lanes[stream], let offset = firstDroppable(of: lane) else { return nil }
    let victim = lane.items[offset]
    let entryCount = UInt64(victim.batch.entryCount)
    let missingCount = DropNotice.all(in: victim.batch.content).reduce(entryCount) { $0 + $1.entryCount }
    if let before = offset > lane.windowCount ? lane.items[offset - 1] : nil, let notice = before.notice,
      notice.reason == reason
    {
      count(victim, sign: -1)
      lanesOfIDs[victim.batch.id] = nil
      lanes[stream]?.items.remove(at: offset)
      replace(
        before, at: offset - 1, of: stream, DropNotice(entryCount: notice.entryCount + missingCount, reason: reason))
    } else {
      replace(victim, at: offset, of: stream, DropNotice(entryCount: missingCount, reason: reason))
    }
    return DroppedEntries(stream: stream, entryCount: entryCount, reason: reason, idLast: victim.batch.id)
  }

  /// The notice keeps the place and number of the batch, under which nothing has been sent.
  private func replace(_ item: Item, at offset: Int, of stream: StreamName, _ notice: DropNotice) {
    count(item, sign: -1)
    var replaced = item
    replaced.notice = notice
    replaced.batch = BacklogBatch(
      id: item.batch.id, key: item.batch.key, number: item.batch.number, content: notice.content(time: now()),
      entryCount: 0)
    count(replaced, sign: 1)
    lanes[stream]?.items[offset] = replaced
  }

  func bookmarks() throws(LogError) -> [String: ByteString] { [:] }

  func note(_ bookmarks: [SourceBookmark]) throws(LogError) {}

  func close() {}
}
