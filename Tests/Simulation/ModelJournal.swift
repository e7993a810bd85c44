/// The journal in front of a model server's segment, and the segment: what `spec/storage.md`, section 10, promises of
/// them, without bytes or time.
///
/// A ring of records, each durable once it is there. An applier brings them into the segment in order, and its
/// transaction says up to where; only a sync makes it durable.
struct ModelJournal {
  private struct Record {
    let position: Int
    let changes: [ModelDisk.Change]
  }

  /// The segment behind a transaction.
  private struct Segment {
    var disk = ModelDisk()
    /// Every record before it has been applied.
    var position = 0
  }

  private let changeCountMax: Int
  let lingerMilliseconds: Int
  /// The record at a position is in the slot of its remainder, until another one is written over it.
  private var slots: [Record?]
  /// The position behind the last record.
  private var end = 0
  /// The position behind what has been applied.
  private var applied = 0
  /// The segment as it was synced last, and behind each transaction since. The last one survives the process; a power
  /// loss leaves any of them.
  private var segments = [Segment()]
  var defect: ModelServer.Defect?

  /// - Parameters:
  ///   - slotCount: how many records the ring has room for.
  ///   - changeCountMax: how many batches a record may have.
  ///   - lingerMilliseconds: how long the applier may wait for more.
  init(slotCount: Int, changeCountMax: Int, lingerMilliseconds: Int) {
    slots = Array(repeating: nil, count: slotCount)
    self.lingerMilliseconds = lingerMilliseconds
    self.changeCountMax = changeCountMax
  }

  var waitingCount: Int { end - applied }
  var isFull: Bool { end - (defect == .overwritesUnsynced ? applied : segments[0].position) >= slots.count }
  var unsyncedCount: Int { segments.count - 1 }

  /// The segment as its readers find it.
  var disk: ModelDisk {
    get { segments[unsyncedCount].disk }
    set { segments[unsyncedCount].disk = newValue }
  }

  /// Whether a group is of a kind that goes through the ring. Deletions do not, nor what is large.
  func takes(_ changes: [ModelDisk.Change]) -> Bool {
    changes.count <= changeCountMax
      && changes.allSatisfy { change in
        if case .append = change { true } else { false }
      }
  }

  /// A record is durable, in one go. There is room for it.
  mutating func append(_ changes: [ModelDisk.Change]) {
    slots[end % slots.count] = Record(position: end, changes: changes)
    end += 1
  }

  /// A crash leaves the next record torn, and nothing of what was there before.
  mutating func tear() { slots[end % slots.count] = nil }

  /// Brings the next records into the segment, in one transaction that is not synced.
  mutating func apply(_ count: Int) {
    var segment = segments[unsyncedCount]
    for position in applied..<applied + count {
      for change in slots[position % slots.count]?.changes ?? [] { segment.disk.make(change) }
    }
    segment.position = defect == .notesPositionLater ? applied : applied + count
    applied += count
    segments.append(segment)
  }

  /// The records of what has been applied are not needed any more.
  mutating func sync() { segments = [segments[unsyncedCount]] }

  /// Makes changes in the segment directly, in a synced transaction. Every record has been applied.
  mutating func commit(_ changes: [ModelDisk.Change]) {
    var segment = Segment(disk: disk, position: applied)
    for change in changes { segment.disk.make(change) }
    segments = [segment]
  }

  /// A start after a crash, which puts what the ring has from the segment's position on into the segment, durably.
  ///
  /// The real server refuses to start if a record lies behind one that is missing. This one goes on without it, for the
  /// checks to see what is lost.
  ///
  /// - Parameter count: how many transactions a power loss has taken.
  /// - Returns: how many records were found.
  mutating func restart(losing count: Int) -> Int {
    segments.removeLast(count)
    applied = segments[unsyncedCount].position
    end = applied
    while slots[end % slots.count]?.position == end { end += 1 }
    if defect == .forgetsTail { end = max(applied, end - 1) }
    let found = waitingCount
    apply(found)
    commit([])
    slots = Array(repeating: nil, count: slots.count)
    return found
  }
}
