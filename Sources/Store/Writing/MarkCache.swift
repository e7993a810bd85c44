internal import LogsWire

/// The marks in memory, bounded: those that are not used for long are dropped, and read again from the segments.
///
/// Two generations: using a mark moves it into the young one; when that is full, the old one is dropped and the young
/// one becomes old. Marks of queued requests are pinned and survive, and so do those that their segment does not hold
/// yet.
struct MarkCache: Sendable {
  private var young: [MarkKey: CachedMark] = [:]
  private var old: [MarkKey: CachedMark] = [:]
  /// The marks with batches that no segment's table covers. Those of the cycle come first.
  private var unstored: [CachedMark] = []
  /// Batches whose marks the table may lack.
  private(set) var unstoredBatchCount = 0
  /// What is brought into the table in portions.
  private var cycle: Cycle?
  private let generationCountMax: Int
  /// How large the young generation becomes before it is the old one.
  private var rotationCount: Int

  init(countMax: Int) {
    generationCountMax = max(1, countMax / 2)
    rotationCount = generationCountMax
  }

  /// All marks that were unstored at one moment, on their way into the table.
  private struct Cycle {
    let count: Int
    /// How many of them are still to be stored.
    var leftCount: Int
    /// The last row of the segment when it began: the marks of all rows up to it are among these.
    let lastRow: Int64
    /// Batches stored since.
    var laterBatchCount = 0
  }

  var count: Int { young.count + old.count }

  subscript(key: MarkKey) -> ProducerMark? { (young[key] ?? old[key])?.mark }

  /// Counts one more request that needs the mark.
  ///
  /// - Returns: nil when the mark is not in memory.
  mutating func pin(_ key: MarkKey) -> CachedMark? {
    if let cached = young[key] {
      cached.pinCount += 1
      return cached
    }
    guard let cached = old.removeValue(forKey: key) else { return nil }
    cached.pinCount += 1
    insert(cached)
    return cached
  }

  /// Adds a mark that was read, or a first one, for `pinCount` requests.
  @discardableResult
  mutating func add(_ key: MarkKey, _ mark: ProducerMark, pinCount: Int) -> CachedMark {
    let cached = CachedMark(key: key, mark: mark, pinCount: pinCount)
    insert(cached)
    return cached
  }

  /// Adds marks that no segment's table covers, of so many batches.
  mutating func adopt(_ marks: [MarkKey: ProducerMark], batchCount: Int) {
    for (key, mark) in marks { noteUnstored(add(key, mark, pinCount: 0)) }
    unstoredBatchCount += batchCount
  }

  /// A batch of a pinned mark's producer was stored.
  mutating func add(_ record: ProducerMark.Record, to cached: CachedMark) {
    precondition(cached.pinCount > 0, "the mark of a request that is being answered is pinned")
    cached.history.add(record)
    noteUnstored(cached)
    unstoredBatchCount += 1
    cycle?.laterBatchCount += 1
  }

  private mutating func noteUnstored(_ cached: CachedMark) {
    guard !cached.isUnstored else { return }
    cached.isUnstored = true
    unstored.append(cached)
  }

  /// The marks that their segment's table lags behind.
  var unstoredMarks: [(key: MarkKey, mark: ProducerMark)] { unstored.map { ($0.key, $0.mark) } }

  /// All of `unstoredMarks` are in the table of a segment now.
  mutating func noteStored(in segment: Int64) {
    for cached in unstored {
      cached.place = ProducerMark.Place(segment: segment, through: cached.history.number)
      cached.isUnstored = false
    }
    unstored = []
    unstoredBatchCount = 0
    cycle = nil
  }

  /// Some of the marks that the table lacks, as they are now, for a transaction that also brings batches.
  ///
  /// The more batches it brings, the more marks it takes along, so that a cycle ends when half as many as `lagMax` have
  /// been brought.
  ///
  /// - Parameters:
  ///   - lagMax: how many batches the table may lack before a cycle begins.
  ///   - lastRow: the last row before the transaction. The marks of all rows up to it are here.
  /// - Returns: nil while there are none to be stored.
  mutating func portion(lagMax: Int, batchCount: Int, lastRow: Int64) -> MarkPortion? {
    if cycle == nil, unstoredBatchCount >= lagMax {
      cycle = Cycle(count: unstored.count, leftCount: unstored.count, lastRow: lastRow)
    }
    guard let cycle else { return nil }
    let count = min(cycle.leftCount, 1 + cycle.count * batchCount * 2 / lagMax)
    return MarkPortion(
      marks: unstored.prefix(count).map { ($0.key, $0.mark) },
      through: count == cycle.leftCount ? cycle.lastRow : nil)
  }

  /// A portion is in the table of a segment now. If the cycle has been given up meanwhile, what was stored counts as
  /// not stored, and is stored again.
  mutating func noteStored(_ portion: MarkPortion, in segment: Int64) {
    guard let begun = cycle else { return }
    let stored = unstored[..<portion.marks.count]
    unstored.removeFirst(portion.marks.count)
    for (cached, (_, mark)) in zip(stored, portion.marks) {
      cached.place = ProducerMark.Place(segment: segment, through: mark.number)
      cached.isUnstored = cached.history.number > mark.number
      if cached.isUnstored { unstored.append(cached) }
    }
    cycle?.leftCount -= portion.marks.count
    guard portion.through != nil else { return }
    unstoredBatchCount = begun.laterBatchCount
    cycle = nil
  }

  /// A stream is gone: its producers have sent nothing to the next one of its name.
  mutating func forget(_ stream: StreamName) {
    unstored.removeAll { $0.key.stream == stream }
    cycle = nil
    for cached in [young, old].joined().map(\.value) where cached.key.stream == stream {
      cached.history = ProducerMark.History()
      cached.place = ProducerMark.Place()
      cached.isUnstored = false
    }
  }

  /// One request that needed the mark has its answer.
  func unpin(_ cached: CachedMark) {
    cached.pinCount -= 1
    precondition(cached.pinCount >= 0, "a mark is unpinned as often as it was pinned")
  }

  /// The marks used last, for the next segment.
  func recent(countMax: Int) -> [MarkKey: ProducerMark] {
    var marks: [MarkKey: ProducerMark] = [:]
    for generation in [young, old] {
      for (key, cached) in generation where marks.count < countMax && !cached.history.records.isEmpty {
        marks[key] = cached.mark
      }
    }
    return marks
  }

  private mutating func insert(_ cached: CachedMark) {
    if young.count >= rotationCount {
      // What is dropped with the old generation must be neither pinned (those are young) nor unstored.
      for cached in unstored where old.removeValue(forKey: cached.key) != nil { young[cached.key] = cached }
      old = young
      young = old.filter { $0.value.pinCount > 0 || $0.value.isUnstored }
      for key in young.keys { old[key] = nil }
      // With more to keep than fits, a rotation at each insert would take all the time.
      rotationCount = max(generationCountMax, young.count * 2)
    }
    young[cached.key] = cached
  }
}

/// Marks that go into the table together with batches.
struct MarkPortion: Sendable {
  let marks: [(key: MarkKey, mark: ProducerMark)]
  /// The row up to which the table is complete with these; nil if more are needed for that.
  let through: Int64?
}

/// A producer's mark in memory: one object while it is there, which a request looks up once, when it is queued.
///
/// Invariant behind `@unchecked Sendable`: everything is changed under the lock of the queue that owns the cache.
/// `history` is changed only by the thread that has the writer, which may therefore read it without the lock.
final class CachedMark: @unchecked Sendable {
  let key: MarkKey
  fileprivate(set) var history: ProducerMark.History
  /// The applier changes it, too.
  fileprivate var place: ProducerMark.Place
  /// Requests in the queue that need it.
  fileprivate(set) var pinCount: Int
  /// Whether it has batches that no segment's table covers.
  fileprivate(set) var isUnstored = false

  fileprivate init(key: MarkKey, mark: ProducerMark, pinCount: Int) {
    self.key = key
    history = mark.history
    place = mark.place
    self.pinCount = pinCount
  }

  fileprivate var mark: ProducerMark { ProducerMark(history, at: place) }
}
