/// The marks in memory, bounded: those not used for long are forgotten, and read again from the segments.
///
/// Two generations: a use moves a mark into the young one; when that is full, the old one is dropped and the young one
/// becomes old. Marks of requests in the queue are pinned and survive, and so do those that their segment does not hold yet.
struct MarkCache: Sendable {
  struct Entry: Sendable {
    var mark: ProducerMark
    /// Requests in the queue that will need it.
    var pinCount: Int
  }

  private var young: [MarkKey: Entry] = [:]
  private var old: [MarkKey: Entry] = [:]
  /// The marks with batches that no segment's table of marks knows.
  private var unstored: Set<MarkKey> = []
  private let generationCountMax: Int
  /// How large the young generation becomes before it is the old one.
  private var rotationCount: Int

  init(countMax: Int) {
    generationCountMax = max(1, countMax / 2)
    rotationCount = generationCountMax
  }

  var count: Int { young.count + old.count }

  subscript(key: MarkKey) -> ProducerMark? { young[key]?.mark ?? old[key]?.mark }

  /// Counts one more request that needs the mark.
  ///
  /// - Returns: false when the mark is not in memory.
  mutating func pin(_ key: MarkKey) -> Bool {
    if let index = young.index(forKey: key) {
      young.values[index].pinCount += 1
      return true
    }
    guard var entry = old.removeValue(forKey: key) else { return false }
    entry.pinCount += 1
    insert(key, entry)
    return true
  }

  /// Adds a mark that was read, or a first one, for `pinCount` requests.
  mutating func add(_ key: MarkKey, _ mark: ProducerMark, pinCount: Int) {
    insert(key, Entry(mark: mark, pinCount: pinCount))
  }

  /// Adds a mark that no segment's table knows.
  mutating func adopt(_ key: MarkKey, _ mark: ProducerMark) {
    add(key, mark, pinCount: 0)
    unstored.insert(key)
  }

  /// A pinned mark as a commit left it.
  mutating func update(_ key: MarkKey, _ mark: ProducerMark) {
    guard let index = young.index(forKey: key) else { preconditionFailure("a pinned mark is in the young generation") }
    guard mark.number != young.values[index].mark.number else { return }
    young.values[index].mark.update(mark)
    unstored.insert(key)
  }

  /// The marks that their segment's table lags behind.
  var unstoredMarks: [MarkKey: ProducerMark] {
    var marks: [MarkKey: ProducerMark] = [:]
    for key in unstored { marks[key] = self[key] }
    return marks
  }

  /// All of `unstoredMarks` are in the table of a segment now.
  mutating func noteStored(in segment: Int64) {
    for key in unstored {
      if let index = young.index(forKey: key) {
        young.values[index].mark.noteStored(in: segment)
      } else {
        old[key]?.mark.noteStored(in: segment)
      }
    }
    unstored = []
  }

  mutating func unpin(_ key: MarkKey) {
    guard let index = young.index(forKey: key) else { preconditionFailure("a pinned mark is in the young generation") }
    young.values[index].pinCount -= 1
    precondition(young.values[index].pinCount >= 0, "a mark is unpinned as often as it was pinned")
  }

  /// The marks used last, for the next segment.
  func recent(countMax: Int) -> [MarkKey: ProducerMark] {
    var marks: [MarkKey: ProducerMark] = [:]
    for generation in [young, old] {
      for (key, entry) in generation where marks.count < countMax && !entry.mark.records.isEmpty {
        marks[key] = entry.mark
      }
    }
    return marks
  }

  private mutating func insert(_ key: MarkKey, _ entry: Entry) {
    if young.count >= rotationCount {
      // What is dropped with the old generation must be neither pinned (those are young) nor unstored.
      for key in unstored {
        if let entry = old.removeValue(forKey: key) { young[key] = entry }
      }
      old = young
      young = old.filter { $0.value.pinCount > 0 || unstored.contains($0.key) }
      for key in young.keys { old[key] = nil }
      // With more to keep than fits, a rotation for each insert would take all the time.
      rotationCount = max(generationCountMax, young.count * 2)
    }
    young[key] = entry
  }
}
