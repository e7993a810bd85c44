internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// Decides what goes of single streams, by the rules of their patterns, on the upkeep thread.
///
/// By age, a stream begins where it did in the oldest segment that has something young enough, as if all before were
/// trimmed. By size, rows go in the order in which they were stored, whichever stream of the pattern they are of.
struct StreamRetention: Sendable {
  private let ageMax: Duration?
  private let rules: [RetentionRule]
  /// What holds for streams that no rule matches. It has something to do where a stream that is kept longer keeps their
  /// segments.
  private let usual: Int
  /// The first rule that matches a stream, by its id.
  private var ruleOfStream: [Int64: Int] = [:]
  /// Segments below these numbers have nothing left of a rule's streams.
  private var firstSegments: [Int64]

  init(_ policy: RetentionPolicy) {
    ageMax = policy.ageMax
    // A rule of a size says nothing of the age.
    let rules = policy.rules.map { rule in
      var rule = rule
      if rule.byteCountMax != nil, rule.ageMax == nil { rule.ageMax = policy.ageMax }
      return rule
    }
    usual = rules.count
    self.rules = rules + [RetentionRule(pattern: .all, ageMax: policy.ageMax)]
    firstSegments = Array(repeating: 0, count: self.rules.count)
  }

  /// Whether a rule keeps some streams longer than others, whose segments these are, too.
  private var keepsSomeLonger: Bool { rules.contains(where: isLonger) }

  private func isLonger(_ rule: RetentionRule) -> Bool {
    guard let ageMax else { return false }
    return rule.ageMax.map { $0 > ageMax } ?? true
  }

  /// How many of the oldest `count` segments, which are as old as `ageMax`, can go: one that has something of a stream
  /// that is kept longer stays, and so do those behind it.
  ///
  /// What has been there longer than its own rule says is trimmed from its stream first, and keeps nothing.
  mutating func removableCount(
    of count: Int, _ listing: SegmentListing, _ streams: () -> [StreamInfo], read: SegmentRead
  ) -> Int {
    guard count > 0, keepsSomeLonger else { return count }
    let kept = streams().filter { stream in isLonger(rules[rule(of: stream)]) && stream.firstKept <= stream.head }
    if kept.isEmpty { return count }
    for index in 0..<count {
      guard let next = read.beginnings(listing.segments[index + 1]) else { return index }
      let holds = kept.contains { stream in next[stream.id].map { stream.firstKept < $0.next } ?? false }
      if holds { return index }
    }
    return count
  }

  /// What goes next, for the first rule that has something.
  ///
  /// - Parameters:
  ///   - isTrimming: whether whole segments are about to go, so that nothing needs to go from single streams because of
  ///     its usual age.
  ///   - expiredCount: how many of the oldest segments are older than an age; nil while the clock is not believed.
  ///   - read: reads a segment; nil if it cannot be read, which a read of its entries will report.
  mutating func plan(
    _ listing: SegmentListing, _ streams: [StreamInfo], isTrimming: Bool, expiredCount: (Duration) -> Int?,
    read: SegmentRead
  ) -> StreamTrim? {
    var members: [[StreamInfo]] = Array(repeating: [], count: rules.count)
    for stream in streams { members[rule(of: stream)].append(stream) }
    forget(streams)
    for (index, rule) in rules.enumerated() where !members[index].isEmpty {
      if index == usual, isTrimming || !keepsSomeLonger { continue }
      if let trim = expired(rule, members[index], listing, expiredCount, read) { return trim }
      if let trim = surplus(index, members[index], listing, read) { return trim }
    }
    return nil
  }

  private mutating func rule(of stream: StreamInfo) -> Int {
    if let known = ruleOfStream[stream.id] { return known }
    let rule = rules[..<usual].firstIndex { $0.pattern.matches(stream.name) } ?? usual
    ruleOfStream[stream.id] = rule
    return rule
  }

  /// Drops what is known of streams that were deleted, or are looked at no longer, once these are the majority.
  private mutating func forget(_ streams: [StreamInfo]) {
    guard ruleOfStream.count > 2 * streams.count + 16 else { return }
    let ids = Set(streams.map(\.id))
    ruleOfStream = ruleOfStream.filter { ids.contains($0.key) }
  }

  // MARK: by age

  private func expired(
    _ rule: RetentionRule, _ streams: [StreamInfo], _ listing: SegmentListing, _ expiredCount: (Duration) -> Int?,
    _ read: SegmentRead
  ) -> StreamTrim? {
    guard let ageMax = rule.ageMax, let count = expiredCount(ageMax), count > 0 else { return nil }
    guard let beginnings = read.beginnings(listing.segments[count]) else { return nil }
    var parts: [Int64: StreamTrim.Part] = [:]
    for stream in streams {
      guard let beginning = beginnings[stream.id], beginning.next > stream.firstKept else { continue }
      parts[stream.id] = StreamTrim.Part(through: beginning.next - 1, byteCount: beginning.byteCount)
    }
    return parts.isEmpty ? nil : StreamTrim(rule: rule, reason: .age, parts: parts)
  }

  // MARK: by size

  private mutating func surplus(
    _ index: Int, _ streams: [StreamInfo], _ listing: SegmentListing, _ read: SegmentRead
  ) -> StreamTrim? {
    let rule = rules[index]
    let used = streams.reduce(0) { $0 + $1.keptByteCount }
    guard let byteCountMax = rule.byteCountMax, used > UInt64(byteCountMax) else { return nil }
    let members = Dictionary(uniqueKeysWithValues: streams.map { ($0.id, $0) })
    var freed: UInt64 = 0
    var parts: [Int64: StreamTrim.Part] = [:]
    for (place, segment) in listing.segments.enumerated() where segment.number >= firstSegments[index] {
      guard let beginnings = read.beginnings(segment) else { continue }
      let ends = place + 1 < listing.segments.count ? read.beginnings(listing.segments[place + 1]) : nil
      // Bytes before each row of a stream, counted from the segment's beginning.
      var byteCounts: [Int64: UInt64] = [:]
      let isRead = read.forEachPiece(segment) { stream, numbers, rowByteCount in
        guard let info = members[stream] else { return true }
        // A row that was rewritten is smaller than it was: what is said of it may be too little, never too much.
        let byteCount =
          rowByteCount ?? Self.byteCount(of: numbers, from: beginnings[stream], to: ends?[stream]) ?? 0
        let before = byteCounts[stream] ?? beginnings[stream]?.byteCount ?? 0
        byteCounts[stream] = before + byteCount
        guard numbers.upperBound >= info.firstKept, numbers.upperBound <= info.head else { return true }
        let through = max(before + byteCount, info.storedByteCount - info.keptByteCount)
        parts[stream] = StreamTrim.Part(through: numbers.upperBound, byteCount: through)
        freed += byteCount
        return used - min(freed, used) > rule.targetByteCount
      }
      if used - min(freed, used) <= rule.targetByteCount { break }
      if isRead, segment != listing.active { firstSegments[index] = segment.number + 1 }
    }
    return parts.isEmpty ? nil : StreamTrim(rule: rule, reason: .size, parts: parts)
  }

  /// About the bytes that these numbers of a stream took when they were appended to a segment that is compacted now: it
  /// knows how much was stored of the stream at both of its ends.
  private static func byteCount(
    of numbers: ClosedRange<UInt64>, from beginning: StreamBeginning?, to end: StreamBeginning?
  ) -> UInt64? {
    guard let beginning, let end, end.next > beginning.next, end.byteCount >= beginning.byteCount else { return nil }
    let part = Double(numbers.size) / Double(end.next - beginning.next)
    return UInt64(Double(end.byteCount - beginning.byteCount) * min(part, 1))
  }
}

/// Reads what is planned by, on the upkeep thread.
struct SegmentRead {
  let upkeep: Upkeep

  /// What was stored of each stream before a segment.
  func beginnings(_ segment: Segment) -> [Int64: StreamBeginning]? {
    read(segment) { connection throws(SQLiteError) in try connection.beginnings() }
  }

  /// - Returns: nil when the segment cannot be read.
  func read<Value>(_ segment: Segment, _ body: (ReaderConnection) throws(SQLiteError) -> Value) -> Value? {
    let lease = ConnectionLease(upkeep.pool, timeMax: .zero)
    defer { lease.end() }
    do throws(SQLiteError) { return try lease.read(segment, body) } catch { return nil }
  }

  /// Calls `visit` with the stream, the numbers and the bytes of each row, in the order in which they were received,
  /// until it returns false.
  ///
  /// Rows of a compacted segment come in pieces, about in that order, and without bytes: what they take now says little
  /// of what was appended.
  /// - Returns: whether all rows could be read.
  func forEachPiece(_ segment: Segment, _ visit: (Int64, ClosedRange<UInt64>, UInt64?) -> Bool) -> Bool {
    if segment.state == .sealed {
      let found = read(segment) { connection throws(SQLiteError) in
        (try connection.sizesOfRunsAsReceived(), try connection.isCompacted(), try connection.createdAt())
      }
      guard let (rows, isCompacted, createdAt) = found else { return false }
      if isCompacted {
        for piece in Self.pieces(of: rows, from: createdAt) { if !visit(piece.stream, piece.numbers, nil) { break } }
      } else {
        for size in rows { if !visit(size.stream, size.numbers, size.byteCount) { break } }
      }
      return true
    }
    var row: Int64 = 0
    while true {
      // One short statement after the other: a long one would pin the WAL.
      let rows = read(segment) { connection throws(SQLiteError) in
        try connection.sizes(ofRunsBehind: row, limit: Self.rowCountMax)
      }
      guard let rows else { return false }
      for size in rows { if !visit(size.stream, size.numbers, size.byteCount) { return true } }
      guard rows.count == Self.rowCountMax, let last = rows.last else { return true }
      row = last.row
    }
  }

  private static let rowCountMax = 1_000

  /// A part of a row, and about when it was received.
  private struct Piece {
    var stream: Int64
    var numbers: ClosedRange<UInt64>
    var received: Int64
  }

  private static let pieceEntryCountMin: UInt64 = 256
  /// Whatever a damaged row says.
  private static let pieceCountMax: UInt64 = 1_024

  /// As if the entries of a row had come at a steady pace since those before it.
  private static func pieces(of rows: [ReaderConnection.RunSize], from createdAt: Int64) -> [Piece] {
    var pieces: [Piece] = []
    var latest: [Int64: Int64] = [:]
    for row in rows {
      let start = min(latest[row.stream] ?? createdAt, row.received)
      latest[row.stream] = row.received
      let count = row.numbers.size
      let size = max(pieceEntryCountMin, count / pieceCountMax)
      let pace = (row.received &- start) / Int64(clamping: count)
      var offset: UInt64 = 0
      while offset < count {
        let end = min(offset + size, count)
        pieces.append(
          Piece(
            stream: row.stream, numbers: row.numbers.lowerBound + offset...row.numbers.lowerBound + end - 1,
            received: start &+ pace &* Int64(clamping: end)))
        offset = end
      }
    }
    return pieces.enumerated().sorted { ($0.element.received, $0.offset) < ($1.element.received, $1.offset) }
      .map(\.element)
  }
}
