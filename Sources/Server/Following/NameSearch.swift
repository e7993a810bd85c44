internal import LogsStore
internal import LogsWire

/// Compares the names of the existing streams with patterns, in order, as far as each turn allows.
struct NameSearch {
  enum Step {
    case found(StreamInfo)
    /// The turn is over.
    case later
    case done
  }

  private let source: any StreamSource
  private let patterns: PatternIndex
  /// What it may not read is compared all the same, so that the time that it takes tells nothing.
  var rights: Rights
  /// The prefixes of the names that are still to be compared.
  private var prefixes: ArraySlice<String>
  /// Names before it have been compared.
  private var start: String
  /// The next names of the first prefix, and how far the first of them has been compared.
  private var names: ArraySlice<StreamInfo> = []
  private var progress: PatternIndex.Progress?

  /// Names taken from the catalog at once; it is locked meanwhile.
  private static let nameCountMax = 64

  /// - Parameters:
  ///   - after: the search begins after this name.
  ///   - rights: streams that these do not allow to read are left out.
  init(_ patterns: PatternIndex, after name: StreamName? = nil, source: any StreamSource, rights: Rights) {
    self.source = source
    self.rights = rights
    self.patterns = patterns
    prefixes = patterns.prefixes[...]
    start = name.map(Self.behind) ?? ""
  }

  /// The next stream whose name matches.
  mutating func next(_ turn: inout Turn) -> Step {
    while true {
      guard let info = names.first else {
        guard let prefix = prefixes.first else { return .done }
        if turn.isOver { return .later }
        names = source.streams(from: start, beginningWith: prefix, limit: Self.nameCountMax)[...]
        for _ in 0...names.count { turn.spend(.name) }
        if let last = names.last { start = Self.behind(last.name) } else { prefixes.removeFirst() }
        continue
      }
      var progress = self.progress ?? patterns.start(of: info.name)
      guard let isMatch = patterns.match(info.name, from: &progress, &turn) else {
        self.progress = progress
        return .later
      }
      self.progress = nil
      names.removeFirst()
      if rights.allows(.read, info.name), isMatch { return .found(info) }
    }
  }

  /// The first text that sorts after a name: no name contains a byte this low.
  private static func behind(_ name: StreamName) -> String { name.text + "\0" }
}
