internal import LogsSystem
internal import LogsWire

/// The parts of a subscription: the FOLLOW messages that a connection sends for it.
///
/// A FOLLOW holds about 20,000 positions. A subscription with more streams is divided (`spec/limits.md`, section 1):
///
/// 1. The *watch* is a FOLLOW with all selectors, from now on and without credit. It delivers nothing: it announces
///    every existing stream, then RESOLVED, then every stream that is created later. So no stream is missed.
/// 2. After RESOLVED, the announced streams are followed by name, in parts, each with the positions of its streams.
/// 3. Streams that are created later are followed by name as they are announced. When this has made many small parts,
///    all parts are cancelled and everything starts again at 1, on the same connection and from the current positions.
///
/// The names come from the watch and not from the positions, since following a deleted stream by name is an error.
extension SubscriptionProgress {
  /// A part that is still to be requested.
  enum PlannedPart {
    case whole
    case watch
    /// - Parameter isBorn: whether these streams were created after RESOLVED.
    case names([StreamName], isBorn: Bool)
  }

  /// Begins on a connection; `nextPart` returns what to request.
  mutating func begin() {
    beginCount += 1
    isLiveTold = false
    divide()
  }

  /// Begins again on the same connection, after all parts were cancelled.
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
      // Streams created since then do not belong to it.
      plan(tracks.keys.sorted())
    } else {
      planned.append(.watch)
    }
  }

  /// Whether streams that are created later do not belong to it.
  var isBounded: Bool { isReverse || terms.end.atHead }

  private mutating func plan(_ names: [StreamName]) {
    let names = isBounded ? names.filter { tracks[$0].map { !isReached($0) } ?? true } : names
    let chunks = chunks(of: names)
    // The first part is delivered first. With a limit, the parts take turns in being first, as the streams of one
    // FOLLOW do.
    let first =
      remaining == nil || isReverse
      ? 0 : LimitShare.firstTurn(of: chunks.count, cursor: names.compactMap { position(of: $0) })
    for chunk in chunks[first...] + chunks[..<first] { planned.append(.names(chunk, isBorn: false)) }
    // In reverse, one part is open at a time.
    partCountMax = isReverse ? 1 : planned.count + limits.bornPartCountMax
  }

  private func chunks(of names: [StreamName]) -> [[StreamName]] {
    stride(from: 0, to: names.count, by: limits.selectorCountMax).map {
      Array(names[$0..<min($0 + limits.selectorCountMax, names.count)])
    }
  }

  /// Whether streams that were created one by one have made so many parts that it is time to divide anew.
  var isScattered: Bool {
    guard !born.isEmpty else { return false }
    let bornPartCount = (born.count + limits.selectorCountMax - 1) / limits.selectorCountMax
    return parts.count { $0.role == .names && $0.end == nil } + bornPartCount > partCountMax
  }

  /// The next part to request; its credit is still to be set.
  mutating func nextPart() -> (part: Int, follow: Follow)? {
    // In reverse, one part after the other, as the streams of one FOLLOW.
    if isReverse, parts.contains(where: { $0.role == .names && $0.end == nil }) { return nil }
    if planned.isEmpty {
      // One that was deleted and created anew since it was requested by its name: that request gets the new one, or
      // is refused, and everything is requested again.
      let names = Set(born).filter { name in !parts.contains { $0.end == nil && $0.names.contains(name) } }
      for chunk in chunks(of: names.sorted()) { planned.append(.names(chunk, isBorn: true)) }
      born = []
    }
    guard let next = planned.popFirst() else { return nil }
    let follow: Follow
    switch next {
    case .whole:
      parts.append(SubscriptionPart(role: .whole))
      follow = whole()
    case .watch:
      parts.append(SubscriptionPart(role: .watch))
      follow = watch()
    case .names(let names, let isBorn):
      parts.append(SubscriptionPart(role: .names, names: names))
      follow = part(names, isBorn: isBorn)
    }
    return (parts.count - 1, follow)
  }

  /// All existing streams have been announced to the watch.
  mutating func watchResolved() {
    var names = found
    found = []
    let there = Set(names)
    for case .stream(let name) in terms.selectors where !there.contains(name) {
      // If the stream was read before and is gone, that is an error, which the server reports when it is requested.
      if let position = position(of: name), position.sequence > 0 { names.append(name) }
    }
    plan(names)
  }

  // MARK: FOLLOW

  private func whole() -> Follow {
    var selectors = terms.selectors
    if isResolved, isBounded {
      // Streams created since then do not belong to it. If the names do not fit, they are announced and ignored.
      let names = tracks.filter { !isReached($0.value) }.keys.sorted()
      if !names.isEmpty, names.count <= limits.selectorCountMax { selectors = names.map { .stream($0) } }
    }
    let known = terms.cursor.positions.keys.filter { tracks[$0] == nil && terms.selects($0) } + tracks.keys
    return follow(selectors, positionsOf: known, highest: isResolved ? tracks.values.map(\.position).max() : nil)
  }

  private func watch() -> Follow {
    // With an end at the head it ends as soon as all existing streams are announced.
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

  /// - Parameter highest: in reverse, the highest of the positions that the streams have come down to.
  private func follow(_ selectors: [StreamSelector], positionsOf streams: [StreamName], highest: UInt64?) -> Follow {
    var end = terms.end
    end.limit = remaining
    if isReverse, let highest { end.sequence = min(end.sequence ?? .max, max(highest, 2) - 1) }
    return Follow(
      credit: 0, selectors: selectors, start: isResolved && !isReverse ? .first : terms.start, end: end,
      isReverse: isReverse, cursor: streams.compactMap { position(of: $0) }.sorted { $0.stream < $1.stream },
      filter: terms.filter)
  }

  /// The position to put into the FOLLOW.
  private func position(of stream: StreamName) -> CursorPosition? {
    guard let track = tracks[stream] else { return terms.cursor[stream] }
    if !isReverse { return position(of: stream, track) }
    return track.lowerBound.map { CursorPosition(stream: stream, incarnation: track.incarnation, sequence: $0) }
      ?? terms.cursor[stream]
  }
}

// MARK: - All parts together

extension SubscriptionProgress {
  /// Whether every existing stream has been announced on this connection.
  var isToldWhole: Bool { planned.isEmpty && found.isEmpty && parts.allSatisfy { $0.isResolved || $0.end != nil } }

  /// Whether it has just become live on this connection.
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

  /// The end that the ends of the parts amount to, by the rules for one FOLLOW (`spec/session.md`, section 5.6).
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
