package import LogsWire
internal import Synchronization

/// A filter that several readers have. It is the same one only where it is the same object: comparing two is quick.
package final class SharedFilter: Hashable, Sendable {
  package let filter: Filter
  /// What messages must contain for any to pass.
  let need: TextNeed
  /// What the index of a segment has ruled out of a stream.
  private let ruledOut = Mutex<[Place: RuledOut]>([:])

  struct Place: Hashable {
    let segment: Int64
    let stream: Int64
  }

  package init(_ filter: Filter) {
    self.filter = filter
    need = filter.textNeed
  }

  /// What the index rules out there: found out by `find` the first time.
  func ruledOut<Failure: Error>(
    _ place: Place, find: () throws(Failure) -> RuledOut
  ) throws(Failure) -> RuledOut {
    if let known = ruledOut.withLock({ $0[place] }) { return known }
    let found = try find()
    ruledOut.withLock { known in
      // A filter that lives for weeks meets many segments.
      if known.count >= Self.placeCountMax { known = [:] }
      known[place] = found
    }
    return found
  }

  private static let placeCountMax = 4_096

  package static func == (left: SharedFilter, right: SharedFilter) -> Bool { left === right }
  package func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
