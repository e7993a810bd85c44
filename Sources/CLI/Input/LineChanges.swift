/// Why a line did not become an entry just as it was.
enum LineChange: Int, CaseIterable {
  case cut
  /// From UTF-16.
  case decoded
  /// It is not in its format.
  case unrecognized
}

/// How many lines were changed in which way, and where the first of each is.
struct LineChanges: Sendable {
  struct Tally: Sendable {
    var count: UInt64 = 0
    /// nil while it is not known.
    var first: UInt64?
  }

  private var tallies = [Tally](repeating: Tally(), count: LineChange.allCases.count)

  subscript(change: LineChange) -> Tally { tallies[change.rawValue] }

  var isEmpty: Bool { tallies.allSatisfy { $0.count == 0 } }

  mutating func note(_ change: LineChange, at place: Int) {
    tallies[change.rawValue].count += 1
    if tallies[change.rawValue].first == nil { tallies[change.rawValue].first = UInt64(place) }
  }

  /// Adds the changes of the lines that follow.
  ///
  /// - Parameter number: the number of a place in them; nil if it is not known.
  mutating func add(_ next: LineChanges, number: (UInt64) -> UInt64?) {
    for (index, tally) in next.tallies.enumerated() where tally.count > 0 {
      if tallies[index].count == 0 { tallies[index].first = tally.first.flatMap(number) }
      tallies[index].count += tally.count
    }
  }
}
