internal import LogsWire

/// Patterns by the text that each begins with: a name is compared only with those that begin as it does.
struct PatternIndex {
  /// Patterns that begin with the same text.
  private struct Group {
    let prefix: String
    /// The group with the longest text that this one's text begins with.
    let parent: Int?
    var matchers: [PatternMatcher] = []
  }

  /// How far a name has been compared: groups from the one with the longest text to that with the shortest.
  struct Progress {
    fileprivate var group: Int?
    fileprivate var matcher = 0
  }

  /// In the order of their texts.
  private let groups: [Group]

  init(_ patterns: [StreamPattern]) {
    var groups: [Group] = []
    var ancestors: [Int] = []
    for matcher in patterns.map(\.matcher).sorted(by: { $0.prefix < $1.prefix }) {
      if groups.last?.prefix != matcher.prefix {
        while let last = ancestors.last, !matcher.prefix.hasPrefix(groups[last].prefix) { ancestors.removeLast() }
        groups.append(Group(prefix: matcher.prefix, parent: ancestors.last))
        ancestors.append(groups.count - 1)
      }
      groups[groups.count - 1].matchers.append(matcher)
    }
    self.groups = groups
  }

  /// The prefixes of names that may match, in order; no name has two of them.
  var prefixes: [String] { groups.filter { $0.parent == nil }.map(\.prefix) }

  /// Where the comparison of `name` begins.
  func start(of name: StreamName) -> Progress {
    // The last text that is not above the name. Any text that the name begins with is a prefix of that one, too.
    var low = 0
    var high = groups.count
    while low < high {
      let middle = (low + high) / 2
      if groups[middle].prefix > name.text { high = middle } else { low = middle + 1 }
    }
    return Progress(group: low == 0 ? nil : low - 1)
  }

  /// Whether `name` matches a pattern after `progress`; nil when the turn is over before that is known.
  func match(_ name: StreamName, from progress: inout Progress, _ turn: inout Turn) -> Bool? {
    while let number = progress.group {
      if turn.isOver { return nil }
      turn.spend(1)
      if name.text.hasPrefix(groups[number].prefix) {
        while progress.matcher < groups[number].matchers.count {
          if turn.isOver { return nil }
          let (isMatch, stepCount) = groups[number].matchers[progress.matcher].match(name.text)
          turn.spend(stepCount)
          progress.matcher += 1
          if isMatch { return true }
        }
      }
      progress = Progress(group: groups[number].parent)
    }
    return false
  }
}
