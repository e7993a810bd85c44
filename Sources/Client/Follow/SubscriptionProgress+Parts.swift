internal import LogsSystem
internal import LogsWire

/// What a connection is asked for.
///
/// One request holds some 20,000 positions at most. A subscription of more streams is divided (`spec/limits.md`,
/// section 1):
///
/// 1. The *watch* asks with all selectors, from now on and without credit. So it delivers nothing, and tells every
///    stream that there is, then RESOLVED, then every stream that is created: none falls between the two.
/// 2. On RESOLVED those that there are are asked for by name, in parts, each with the positions of its streams.
/// 3. Those that are created later are asked for by name as they come. Once that has made many small parts, all are
///    given up and it begins again at 1, on the same connection: the positions say where to go on.
///
/// Names come from the watch rather than from the positions, since a stream that was deleted meanwhile is an error when
/// it is asked for by name.
extension SubscriptionProgress {
  /// What is still to be asked for.
  enum PlannedPart {
    case whole
    case watch
    /// - Parameter isBorn: whether they were created after all were announced.
    case names([StreamName], isBorn: Bool)
  }

  /// Begins on a connection; `nextPart` tells what to ask for.
  mutating func begin() {
    beginCount += 1
    isLiveTold = false
    divide()
  }

  /// Begins again on the same connection, whose requests have been given up.
  mutating func regroup() { divide() }

  private mutating func divide() {
    parts = []
    planned.removeAll()
    found = []
    born = []
    partCountMax = 1
    isDivided = whole().controlByteCount > limits.controlByteCountMax
    if !isDivided {
      planned.append(.whole)
    } else if isResolved, isBounded {
      // Those created since are no part of it.
      plan(tracks.keys.sorted())
    } else {
      planned.append(.watch)
    }
  }

  /// Whether streams created later are no part of it.
  var isBounded: Bool { isReverse || terms.end.atHead }

  private mutating func plan(_ names: [StreamName]) {
    let names = isBounded ? names.filter { tracks[$0].map { !isReached($0) } ?? true } : names
    let chunks = chunks(of: names)
    // What is asked for first is delivered first: with a limit each comes to be the first, as streams of one request
    // do.
    let first =
      remaining == nil || isReverse
      ? 0 : LimitShare.firstTurn(of: chunks.count, cursor: names.compactMap { position(of: $0) })
    for chunk in chunks[first...] + chunks[..<first] { planned.append(.names(chunk, isBorn: false)) }
    // In reverse one is open at a time.
    partCountMax = isReverse ? 1 : planned.count + limits.bornPartCountMax
  }

  private func chunks(of names: [StreamName]) -> [[StreamName]] {
    stride(from: 0, to: names.count, by: limits.selectorCountMax).map {
      Array(names[$0..<min($0 + limits.selectorCountMax, names.count)])
    }
  }

  /// Whether streams were created one by one so often that it is time to divide anew.
  var isScattered: Bool {
    guard !born.isEmpty else { return false }
    let bornPartCount = (born.count + limits.selectorCountMax - 1) / limits.selectorCountMax
    return parts.count { $0.role == .names && $0.end == nil } + bornPartCount > partCountMax
  }

  /// What to ask for next; without credit.
  mutating func nextPart() -> (part: Int, follow: Follow)? {
    // In reverse one after the other, as the streams of one request are.
    if isReverse, parts.contains(where: { $0.role == .names && $0.end == nil }) { return nil }
    if planned.isEmpty {
      for chunk in chunks(of: born) { planned.append(.names(chunk, isBorn: true)) }
      born = []
    }
    guard let next = planned.popFirst() else { return nil }
    let follow: Follow
    let role: SubscriptionPart.Role
    switch next {
    case .whole: (role, follow) = (.whole, whole())
    case .watch: (role, follow) = (.watch, watch())
    case .names(let names, let isBorn): (role, follow) = (.names, part(names, isBorn: isBorn))
    }
    parts.append(SubscriptionPart(role: role))
    return (parts.count - 1, follow)
  }

  /// The watch has all streams announced to it.
  mutating func watchResolved() {
    var names = found
    found = []
    let there = Set(names)
    for case .stream(let name) in terms.selectors where !there.contains(name) {
      // One that was read and is not there any more is an error, which the server finds when it is asked for it.
      if let position = position(of: name), position.sequence > 0 { names.append(name) }
    }
    plan(names)
  }

  // MARK: Requests

  private func whole() -> Follow {
    var selectors = terms.selectors
    if isResolved, isBounded {
      // Those created since are no part of it. What does not fit is announced and cut off.
      let names = tracks.filter { !isReached($0.value) }.keys.sorted()
      if !names.isEmpty, names.count <= limits.selectorCountMax { selectors = names.map { .stream($0) } }
    }
    let known = terms.cursor.positions.keys.filter { tracks[$0] == nil && terms.selects($0) } + tracks.keys
    return follow(selectors, positionsOf: known, highest: isResolved ? tracks.values.map(\.position).max() : nil)
  }

  private func watch() -> Follow {
    // An end at the head ends it as soon as it has told what there is.
    let end = FollowEnd(atHead: isBounded, time: isReverse ? nil : terms.end.time)
    return Follow(credit: 0, selectors: terms.selectors, start: .now, end: end)
  }

  private func part(_ names: [StreamName], isBorn: Bool) -> Follow {
    let positions = names.compactMap { tracks[$0]?.position }
    var follow = follow(
      names.map { .stream($0) }, positionsOf: names, highest: positions.count == names.count ? positions.max() : nil)
    if isBorn { follow.start = .first }
    return follow
  }

  /// - Parameter highest: in reverse, the highest number that all streams have come down to.
  private func follow(_ selectors: [StreamSelector], positionsOf streams: [StreamName], highest: UInt64?) -> Follow {
    var end = terms.end
    end.limit = remaining
    if isReverse, let highest { end.sequence = min(end.sequence ?? .max, max(highest, 2) - 1) }
    return Follow(
      credit: 0, selectors: selectors, start: isResolved && !isReverse ? .first : terms.start, end: end,
      isReverse: isReverse, cursor: streams.compactMap { position(of: $0) }.sorted { $0.stream < $1.stream },
      filter: terms.filter)
  }

  /// The position to ask with.
  private func position(of stream: StreamName) -> CursorPosition? {
    guard let track = tracks[stream] else { return terms.cursor[stream] }
    if !isReverse { return position(of: stream, track) }
    return track.lowerBound.map { CursorPosition(stream: stream, incarnation: track.incarnation, sequence: $0) }
      ?? terms.cursor[stream]
  }
}

// MARK: - What the parts make together

extension SubscriptionProgress {
  /// Whether every stream that there is has been told on this connection.
  var isToldWhole: Bool { planned.isEmpty && found.isEmpty && parts.allSatisfy { $0.isResolved || $0.end != nil } }

  /// Whether it is live from now on, and was not before on this connection.
  mutating func becomesLive() -> Bool {
    guard !isLiveTold, isResolved, isToldWhole else { return false }
    guard parts.contains(where: \.isLive), parts.allSatisfy({ $0.isLive || $0.end != nil || $0.role == .watch }) else {
      return false
    }
    isLiveTold = true
    return true
  }

  /// The server has ended a part.
  ///
  /// - Returns: why the subscription is over, if it is.
  mutating func ended(_ reason: EndReason, part: Int = 0) -> EndReason? {
    parts[part].end = reason
    guard parts[part].role != .whole else { return self.reason(reason) }
    return endOfParts.map { self.reason($0) }
  }

  /// What the ends of the parts mean together, by the rules for one request (`spec/session.md`, section 5.6).
  private var endOfParts: EndReason? {
    guard isResolved, isToldWhole, born.isEmpty else { return nil }
    var reasons: Set<EndReason> = []
    for part in parts where part.role == .names {
      guard let end = part.end else { return nil }
      reasons.insert(end)
    }
    if reasons.contains(.limit) { return .limit }
    if isReverse { return .start }
    if terms.end.atHead { return .until }
    var hasPattern = false
    var isMissing = false
    for selector in terms.selectors {
      switch selector {
      case .pattern: hasPattern = true
      case .stream(let name): isMissing = isMissing || tracks[name] == nil
      }
    }
    let isWatchOver = parts.contains { $0.role == .watch && $0.end != nil }
    if !hasPattern, !isMissing, reasons == [.complete] { return .complete }
    if isWatchOver || (reasons.contains(.until) && terms.end.time != nil) { return .until }
    guard !isMissing, !reasons.isEmpty else { return nil }
    return reasons.contains(.until) || terms.end.sequence != nil ? .until : nil
  }
}
