internal import LogsStore
internal import LogsWire

/// Finds the streams that a FOLLOW selects: those that exist when it arrives, named ones first, and later ones as they
/// are created.
///
/// A stream's id decides which of the two it is: ids only grow, and a stream whose id is above the newest one at the
/// beginning is a later one. So each is announced once, whatever the order in which catalog and commits are seen.
struct Resolver {
  enum Step {
    case stream(StreamInfo)
    /// The turn is over.
    case later
    case done
  }

  /// Requested names that do not exist yet.
  private(set) var missing: Set<StreamName> = []
  let hasPatterns: Bool

  private let source: any StreamSource
  private let names: Set<StreamName>
  private let patterns: PatternIndex
  /// What they allow counts for the streams that are found from then on.
  var rights: Rights { didSet { search.rights = rights } }
  /// The newest stream at the beginning.
  private let newest: Int64
  private var found: ArraySlice<StreamInfo> = []
  private var search: NameSearch
  /// The newest stream that has been looked at.
  private var seen: Int64
  /// Streams after it, and how far the first of them has been compared.
  private var born: ArraySlice<StreamInfo> = []
  private var progress: PatternIndex.Progress?

  /// Later streams taken from the catalog at once; it is locked meanwhile.
  private static let bornCountMax = 64

  /// - Parameter rights: of what patterns select, streams that these do not allow to read are left out.
  init(_ selectors: [StreamSelector], source: any StreamSource, rights: Rights) {
    self.source = source
    self.rights = rights
    newest = source.newestStreamID
    seen = newest
    var names: Set<StreamName> = []
    var patterns: [StreamPattern] = []
    for selector in selectors {
      switch selector {
      case .stream(let name): names.insert(name)
      case .pattern(let pattern): patterns.append(pattern)
      }
    }
    self.names = names
    self.patterns = PatternIndex(patterns)
    hasPatterns = !patterns.isEmpty
    search = NameSearch(self.patterns, source: source, rights: rights)
    for name in names.sorted() {
      if let info = source.stream(named: name), info.id <= newest { found.append(info) } else { missing.insert(name) }
    }
  }

  /// The next stream of those that existed at the beginning.
  mutating func next(_ turn: inout Turn) -> Step {
    if let info = found.popFirst() { return .stream(info) }
    while true {
      switch search.next(&turn) {
      case .found(let info): if info.id <= newest, !names.contains(info.name) { return .stream(info) }
      case .later: return .later
      case .done: return .done
      }
    }
  }

  /// Whether streams were created that have not been looked at.
  var hasUnseen: Bool { source.newestStreamID > seen }

  /// The next selected stream of those created since the beginning.
  mutating func nextBorn(_ turn: inout Turn) -> Step {
    while true {
      guard let info = born.first else {
        if turn.isOver { return .later }
        born = source.streams(bornAfter: seen, limit: Self.bornCountMax)[...]
        for _ in 0...born.count { turn.spend(.name) }
        if born.isEmpty { return .done }
        continue
      }
      var isSelected = missing.contains(info.name)
      if !isSelected {
        var progress = self.progress ?? patterns.start(of: info.name)
        guard let isMatch = patterns.match(info.name, from: &progress, &turn) else {
          self.progress = progress
          return .later
        }
        isSelected = rights.allows(.read, info.name) && isMatch
      }
      progress = nil
      born.removeFirst()
      seen = info.id
      if isSelected { return .stream(info) }
    }
  }

  /// A stream that did not exist at the beginning has been announced.
  mutating func appeared(_ name: StreamName) { missing.remove(name) }
}
