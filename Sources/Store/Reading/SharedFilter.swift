package import LogsWire
internal import Synchronization

/// A filter that several readers have. It is the same one only where it is the same object: comparing two is quick.
package final class SharedFilter: Hashable, Sendable {
  package let filter: Filter
  /// What messages must contain for any to pass.
  let need: TextNeed
  private let known = Mutex(Known())

  /// What was found in the indexes of segments.
  private struct Known {
    var plans: [StreamPlace: BlockPlan] = [:]
    /// The blocks that may have what messages must contain; nil for all.
    var blocks: [SectionPlace: BlockSet?] = [:]
  }

  struct StreamPlace: Hashable {
    let segment: Segment.Version
    let stream: Int64
  }

  struct SectionPlace: Hashable {
    let segment: Segment.Version
    let section: Int64
  }

  package init(_ filter: Filter) {
    self.filter = filter
    need = filter.textNeed
  }

  /// What the index says there: found out by `find` the first time.
  func plan<Failure: Error>(
    _ place: StreamPlace, find: () throws(Failure) -> BlockPlan
  ) throws(Failure) -> BlockPlan {
    if let known = known.withLock({ $0.plans[place] }) { return known }
    let found = try find()
    known.withLock { known in
      // A filter that lives for weeks meets many segments.
      if known.plans.count >= Self.placeCountMax { known.plans = [:] }
      known.plans[place] = found
    }
    return found
  }

  /// The blocks of a section that `need` leaves: found out by `find` the first time.
  func blocks<Failure: Error>(
    _ place: SectionPlace, find: () throws(Failure) -> BlockSet?
  ) throws(Failure) -> BlockSet? {
    if let known = known.withLock({ $0.blocks[place] }) { return known }
    let found = try find()
    known.withLock { known in
      if known.blocks.count >= Self.placeCountMax { known.blocks = [:] }
      known.blocks[place] = .some(found)
    }
    return found
  }

  private static let placeCountMax = 4_096

  package static func == (left: SharedFilter, right: SharedFilter) -> Bool { left === right }
  package func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
