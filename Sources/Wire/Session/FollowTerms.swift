/// What a FOLLOW has asked for, and thus which STREAM and END can answer it (`spec/session.md`, sections 5.1 and 5.6).
///
/// The cover proves that nothing is missing between a stream's start and its last range. This proves that start and end
/// are those that were asked for.
struct FollowTerms {
  /// One stream as announced.
  struct Told {
    var head: UInt64
    /// The next number to be covered; in reverse, the number above it.
    var next: UInt64
    /// In reverse, the number at or below which nothing is delivered; nil if only the server can know it.
    var bound: UInt64?
  }

  let isReverse: Bool
  private let start: FollowStart
  private let end: FollowEnd
  private let isFiltered: Bool
  private let names: Set<StreamName>
  private let patterns: [StreamPattern]
  /// Used until RESOLVED.
  private var cursor: [StreamName: CursorPosition]
  private var isResolved = false
  /// Entries in the ranges of BATCH frames.
  private var deliveredCount: UInt64 = 0

  init(_ follow: Follow) {
    isReverse = follow.isReverse
    start = follow.start
    end = follow.end
    isFiltered = follow.filter != nil
    var names: Set<StreamName> = []
    var patterns: [StreamPattern] = []
    for selector in follow.selectors {
      switch selector {
      case .stream(let name): names.insert(name)
      case .pattern(let pattern): patterns.append(pattern)
      }
    }
    self.names = names
    self.patterns = patterns
    cursor = Dictionary(follow.cursor.map { ($0.stream, $0) }, uniquingKeysWith: { $1 })
  }

  mutating func resolve() {
    isResolved = true
    cursor = [:]
  }

  mutating func delivered(_ count: UInt64) { deliveredCount &+= count }

  // MARK: STREAM

  /// Checks that a stream was asked for, from this position on.
  ///
  /// - Returns: in reverse, the number at or below which nothing is delivered; nil if only the server can know it.
  func check(_ told: Announcement) throws(Refusal) -> UInt64? {
    guard names.contains(told.stream) || patterns.contains(where: { $0.matches(told.stream) }) else {
      throw Refusal(.protocolViolation, "STREAM tells the stream '\(told.stream)', which was not asked for")
    }
    let asked = try asked(told)
    let isAnswer = isReverse ? isReversePosition(told, above: asked) : isPosition(told, asked)
    guard isAnswer else {
      throw Refusal(
        .protocolViolation,
        "STREAM starts at \(told.position) in '\(told.stream)', whose head is \(told.head): not where it was asked for")
    }
    return isReverse ? asked : nil
  }

  /// The position that was asked for; nil if only the server can know it.
  private func asked(_ told: Announcement) throws(Refusal) -> UInt64? {
    if isResolved {
      guard isWaiting else {
        throw Refusal(.protocolViolation, "STREAM tells a new stream '\(told.stream)' where none was to be waited for")
      }
      return 0
    }
    if let position = cursor[told.stream], position.incarnation == .any || position.incarnation == told.incarnation {
      return position.sequence
    }
    switch start {
    case .first: return 0
    case .now: return told.head
    case .last where isFiltered: return nil
    case .last(let count): return told.head - min(count, told.head)
    case .from(let sequence): return sequence - min(sequence, 1)
    case .since: return nil
    }
  }

  private var isWaiting: Bool { !isReverse && !end.atHead }

  private func isPosition(_ told: Announcement, _ asked: UInt64?) -> Bool {
    guard let asked, told.position != asked else { return true }
    // It may have been created after the FOLLOW arrived; then it starts at its first entry.
    return told.position == 0 && isWaiting && cursor[told.stream]?.incarnation != told.incarnation
  }

  private func isReversePosition(_ told: Announcement, above asked: UInt64?) -> Bool {
    guard told.position > 0 else { return false }
    let below = told.position - 1
    let top = min(told.head, end.sequence ?? .max)
    return below <= max(top, asked ?? told.head) && (below >= top || end.time != nil)
  }

  // MARK: END

  /// Checks that a subscription can end this way, with its streams where they are.
  func check(_ reason: EndReason, _ streams: some Collection<Told>) throws(Refusal) {
    // An unknown reason ends the subscription, whatever it means.
    guard reason.rawValue <= EndReason.start.rawValue else { return }
    let violation: String? =
      switch reason {
      case .limit: deliveredCount < (end.limit ?? .max) ? "\(deliveredCount) entries were delivered" : nil
      case .until where !isReverse && (end.atHead || end.sequence != nil || end.time != nil):
        end.time == nil ? shortfall(streams) : nil
      case .complete where !isReverse && patterns.isEmpty:
        streams.count < names.count ? "not all of its streams were told" : shortfall(streams)
      case .start where isReverse: shortfall(streams)
      default: "that was not asked for"
      }
    if let violation { throw Refusal(.protocolViolation, "END '\(reason)' in a subscription: \(violation)") }
    guard isResolved else { throw Refusal(.protocolViolation, "END '\(reason)' comes before RESOLVED") }
  }

  /// Why the cover is incomplete.
  private func shortfall(_ streams: some Collection<Told>) -> String? {
    for stream in streams {
      if isReverse {
        if let bound = stream.bound, stream.next > 1, stream.next - 1 > bound {
          return "a stream was delivered down to \(stream.next), not to \(bound + 1)"
        }
      } else {
        let last = min(stream.head, end.sequence ?? .max)
        if stream.next <= last { return "a stream was delivered up to \(stream.next - 1), not to \(last)" }
      }
    }
    return nil
  }
}
