/// The marks in memory, bounded: those not used for long are forgotten, and read again from the segments.
///
/// Two generations: a use moves a mark into the young one; when that is full, the old one is dropped and the young one
/// becomes old. Marks of requests in the queue are pinned and survive.
struct MarkCache: Sendable {
  struct Entry: Sendable {
    var mark: ProducerMark
    /// Requests in the queue that will need it.
    var pinCount: Int
  }

  private var young: [MarkKey: Entry] = [:]
  private var old: [MarkKey: Entry] = [:]
  private let generationCountMax: Int

  init(countMax: Int) { generationCountMax = max(1, countMax / 2) }

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

  /// A pinned mark as its writer left it, and one request less.
  mutating func update(_ key: MarkKey, _ mark: ProducerMark) {
    guard let index = young.index(forKey: key) else { preconditionFailure("a pinned mark is in the young generation") }
    young.values[index].mark = mark
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
    if young.count >= generationCountMax {
      old = young
      young = old.filter { $0.value.pinCount > 0 }
      for key in young.keys { old[key] = nil }
    }
    young[key] = entry
  }
}
