internal import LogsStore
internal import LogsWire

/// A rule of retention that never counts, since one before it matches all its streams.
struct UselessRule: CustomStringConvertible {
  let rule: RetentionRule
  /// The one before it.
  let other: RetentionRule
  /// Where it stands.
  let place: String

  var description: String {
    """
    \(place): the rule for '\(rule.pattern)' never counts, since '\(other.pattern)' before it matches all its \
    streams; write it before that one
    """
  }
}

extension ConfigurationReader {
  /// In their order. The server's own rules, behind all others, are meant to give way.
  var uselessRules: [UselessRule] {
    let rules = configuration.retention.rules
    return rules.indices.compactMap { index in
      let rule = rules[index]
      guard !OwnStreams.rules.contains(rule),
        let other = rules[..<index].first(where: { $0.pattern.covers(rule.pattern) })
      else { return nil }
      let origin = parts["retention"]?.last { $0.text.split(separator: ";").contains { $0.trimmed.isRule(of: rule) } }
      return UselessRule(
        rule: rule, other: other, place: Self.place("retention", origin?.origin ?? origins["retention"]))
    }
  }
}

extension String {
  fileprivate func isRule(of rule: RetentionRule) -> Bool {
    lastIndex(of: ":").map { self[..<$0].trimmed == rule.pattern.text } ?? false
  }
}

extension StreamPattern {
  /// Whether it matches every name that `other` matches. A few that do are not recognized: parts are compared, not all
  /// names that there could be.
  func covers(_ other: StreamPattern) -> Bool {
    // Only what begins with `$` itself matches the server's own streams.
    if other.text.utf8.first == UInt8(ascii: "$"), text.utf8.first != UInt8(ascii: "$") { return false }
    let (own, others) = (Part.parts(of: text), Part.parts(of: other.text))
    // reached[index]: whether the parts so far match `others[..<index]`.
    var reached = others.indices.map { _ in false } + [false]
    reached[0] = true
    for part in own {
      var next = reached.map { _ in false }
      for index in reached.indices {
        let isRun = part == .all || part == .run
        if isRun, reached[index] { next[index] = true }
        guard index > 0, part.covers(others[index - 1]) else { continue }
        if reached[index - 1] || (isRun && next[index - 1]) { next[index] = true }
      }
      reached = next
    }
    return reached.last ?? false
  }

  private enum Part: Hashable {
    /// `**`
    case all
    /// `*`
    case run
    /// `?`
    case one
    case byte(UInt8)

    static func parts(of text: String) -> [Part] {
      var parts: [Part] = []
      for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "*") where parts.last == .run: parts[parts.count - 1] = .all
        case UInt8(ascii: "*") where parts.last == .all: break
        case UInt8(ascii: "*"): parts.append(.run)
        case UInt8(ascii: "?"): parts.append(.one)
        default: parts.append(.byte(byte))
        }
      }
      return parts
    }

    /// Whether it matches all that one part of another pattern matches, or for runs a piece of it.
    func covers(_ other: Part) -> Bool {
      switch (self, other) {
      case (.all, _), (.run, .run), (.run, .one), (.one, .one): true
      case (.run, .byte(let byte)), (.one, .byte(let byte)): byte != UInt8(ascii: "/")
      default: self == other
      }
    }
  }
}
