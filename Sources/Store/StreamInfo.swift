package import LogsWire

/// What the store knows of a stream, after some commit.
package struct StreamInfo: Hashable, Sendable {
  /// Stable for as long as the store lives, and never given to another stream.
  package var id: Int64
  package var name: StreamName
  package var incarnation: Incarnation
  /// The lowest sequence number in the segments that retention has kept, 1 if it removed none.
  package var first: UInt64
  /// What is not kept of the numbers from `first` on.
  package var removals = Removals()
  /// The last sequence number given, 0 if none.
  package var head: UInt64
  package var isSealed: Bool
  /// Stored since the stream was created.
  package var entryCount: UInt64
  package var storedByteCount: UInt64
  /// Of these, what is not kept any more.
  package var trimmedEntryCount: UInt64 = 0
  package var trimmedByteCount: UInt64 = 0
  /// The received time of the last batch, in ns since 1970; 0 before the first.
  package var lastReceived: Int64

  package init(
    id: Int64, name: StreamName, incarnation: Incarnation, first: UInt64 = 1, head: UInt64 = 0, isSealed: Bool = false,
    entryCount: UInt64 = 0, storedByteCount: UInt64 = 0, lastReceived: Int64 = 0
  ) {
    self.id = id
    self.name = name
    self.incarnation = incarnation
    self.first = first
    self.head = head
    self.isSealed = isSealed
    self.entryCount = entryCount
    self.storedByteCount = storedByteCount
    self.lastReceived = lastReceived
  }

  /// The lowest sequence number that is kept, one above the head if none is.
  package var firstKept: UInt64 {
    guard let removal = removals.ranges.first, removal.numbers.lowerBound <= first else { return first }
    return keptRanges.first?.lowerBound ?? head + 1
  }

  /// The numbers that are kept, ascending.
  package var keptRanges: [ClosedRange<UInt64>] { first <= head ? removals.kept(of: first...head) : [] }

  package var keptEntryCount: UInt64 {
    let count = entryCount - min(trimmedEntryCount, entryCount)
    return count - min(removedCount, count)
  }

  /// About, once some of its numbers were deleted.
  package var keptByteCount: UInt64 {
    let trimmed = max(trimmedByteCount, removals.trimmed?.byteCount ?? 0)
    let count = storedByteCount - min(trimmed, storedByteCount)
    return count - min(removals.deletedByteCount, count)
  }

  private var removedCount: UInt64 { removals.isEmpty || first > head ? 0 : removals.count(in: first...head) }

  /// Leaves out what was stored before a segment that is the oldest now; nil if the stream began in it or later.
  mutating func begin(at beginning: StreamBeginning?) {
    first = beginning?.next ?? 1
    trimmedEntryCount = beginning?.entryCount ?? 0
    trimmedByteCount = beginning?.byteCount ?? 0
    removals.drop(below: first)
  }

  /// What the server's check of this stream's batches is seeded with.
  package var serverSeed: UInt64 { BatchHeader.serverSeed(stream: name, incarnation: incarnation) }
}
