internal import LogsDisk
internal import LogsWire

/// How much of a sealed segment is in entries that are no longer kept.
struct RemovableBytes {
  /// Of entries that were deleted: these should not stay.
  private(set) var deleted = 0
  /// Of entries that retention has trimmed: these only take space.
  private(set) var trimmed = 0

  /// - Throws: `damage` if the segment has no index, which only one whose rows contradict each other lacks.
  init(of segment: borrowing Database, _ catalog: Catalog) throws(SQLiteError) {
    guard try SegmentSchema.has(SegmentSchema.finalIndex, segment) else {
      throw SQLiteError(damage: "it has no index of its rows", path: segment.path)
    }
    let nextStream = try segment.prepare("SELECT min(stream) FROM runs WHERE stream > ?1")
    let all = try segment.prepare("SELECT sum(length(batches)) FROM runs WHERE stream = ?1")
    let overlapping = try segment.prepare(
      """
      SELECT first_seq, span, count, length(batches) FROM runs
      WHERE stream = ?1 AND first_seq <= ?3
        AND first_seq >= coalesce((SELECT max(first_seq) FROM runs WHERE stream = ?1 AND first_seq <= ?2), 0)
      """)
    var stream = Int64.min
    while true {
      nextStream.bind(1, stream)
      defer { nextStream.reset() }
      guard try nextStream.step(), !nextStream.isNull(0) else { return }
      stream = nextStream.integer(0)
      guard let info = catalog[stream] else {
        all.bind(1, stream)
        defer { all.reset() }
        if try all.step() { deleted += Int(all.integer(0)) }
        continue
      }
      for removal in info.removals.ranges {
        overlapping.bind(1, stream)
        overlapping.bind(2, bits: removal.numbers.lowerBound)
        overlapping.bind(3, bits: removal.numbers.upperBound)
        defer { overlapping.reset() }
        while try overlapping.step() {
          let numbers = try overlapping.numbers(first: 0, span: 1)
          guard numbers.overlaps(removal.numbers) else { continue }
          let count = UInt64(try overlapping.integer(2, in: 0...Int64(UInt32.max)))
          let kept = numbers.size - info.removals.count(in: numbers)
          // One that was rewritten has no more than is kept, though its numbers stay.
          guard count > kept else { continue }
          let gone = min(removal.numbers.clamped(to: numbers).size, count)
          let byteCount = Int(Double(overlapping.integer(3)) * Double(gone) / Double(count))
          if removal.reason == .deleted { deleted += max(byteCount, 1) } else { trimmed += byteCount }
        }
      }
    }
  }
}
