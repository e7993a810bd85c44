internal import LogsStore
internal import LogsWire

/// Finds the streams that a FOLLOW selects: those that exist when it comes, in the order of their names, and later ones as
/// they come into being.
///
/// Which of the two a stream is, its id decides: ids rise, and a stream whose id is above the newest of the beginning is told
/// by the commit that made it. So each is told once, whatever the order in which catalog and commits are seen.
struct Resolver {
  enum Step {
    case stream(StreamInfo)
    /// Enough for this turn of the loop.
    case later
    case done
  }

  /// Names that were asked for and do not exist yet.
  private(set) var missing: Set<StreamName> = []
  let hasPatterns: Bool

  private let store: Store
  private let names: Set<StreamName>
  private let patterns: [StreamPattern]
  private let newest: Int64
  private var found: ArraySlice<StreamInfo> = []
  private var scan = Scan.done

  /// How far the names have been compared with the patterns.
  private enum Scan {
    case after(StreamName?)
    case done
  }

  /// Comparisons of a name with a pattern in one turn: about a millisecond.
  private static let comparisonCountMax = 4_096

  init(_ selectors: [Selector], store: Store) {
    self.store = store
    newest = store.newestStreamID
    var names: Set<StreamName> = []
    var patterns: [StreamPattern] = []
    for selector in selectors {
      switch selector {
      case .stream(let name): names.insert(name)
      case .pattern(let pattern): patterns.append(pattern)
      }
    }
    self.names = names
    self.patterns = patterns
    hasPatterns = !patterns.isEmpty
    for name in names.sorted() {
      if let info = store.stream(named: name), info.id <= newest { found.append(info) } else { missing.insert(name) }
    }
    if hasPatterns {
      // The scan comes by the named ones as well, so that all are told in one order.
      found = []
      scan = .after(nil)
    }
  }

  /// The next stream of those that existed at the beginning.
  mutating func next() -> Step {
    if let info = found.popFirst() { return .stream(info) }
    guard case .after(let name) = scan else { return .done }
    let count = max(1, Self.comparisonCountMax / patterns.count)
    let slice = store.streams(after: name, limit: count, where: { _ in true })
    scan = slice.count < count ? .done : .after(slice.last?.name)
    found = slice.filter { $0.id <= newest && (names.contains($0.name) || matches($0.name)) }[...]
    return .later
  }

  /// A stream has come into being.
  ///
  /// - Returns: whether it is selected.
  mutating func appeared(_ info: StreamInfo) -> Bool {
    guard info.id > newest else { return false }
    return missing.remove(info.name) != nil || matches(info.name)
  }

  private func matches(_ name: StreamName) -> Bool { patterns.contains { $0.matches(name) } }
}
