internal import LogsDisk
internal import LogsSystem
internal import LogsWire

extension Reader {
  /// Rows that one statement looks at.
  static let timesRowCountMax = 1000

  /// Continues a search.
  ///
  /// Entries need not be in the order of their times, because producers send them so or a clock was wrong: every run is
  /// checked by the times in its row, and the first one that may contain a match is decoded.
  ///
  /// - Parameter mayGoOn: asked after each statement, segment, and decoded run. At least one of them is done.
  func advance(_ search: inout TimeSearch, while mayGoOn: () -> Bool) throws(StoreError) -> TimeSearch.Progress {
    let lease = ConnectionLease(pool, timeMax: readTimeMax)
    defer { lease.end() }
    let stream = try stream(search.stream)
    var listing = segments.current
    var signer = BatchSigner(stream)
    while search.rest != nil {
      let progress = try advance(&search, stream, &listing, &signer, lease, while: mayGoOn)
      guard case .nothing = progress else { return progress }
      if search.rest != nil, !mayGoOn() { return .unfinished }
    }
    return .nothing
  }

  /// Searches one segment for what is left of the search.
  ///
  /// - Returns: `nothing` when it holds no such entry.
  private func advance(
    _ search: inout TimeSearch, _ stream: StreamInfo, _ listing: inout SegmentListing, _ signer: inout BatchSigner,
    _ lease: ConnectionLease, while mayGoOn: () -> Bool
  ) throws(StoreError) -> TimeSearch.Progress {
    guard let rest = search.rest, let position = search.position else { return .nothing }
    if let removal = stream.removals.first(from: position), removal.numbers.contains(position) {
      search.pass(removal.numbers)
      return .nothing
    }
    switch try locate(position, in: stream, &listing, lease) {
    case .nowhere(let numbers, _): search.pass(numbers)
    case .segment(let segment, let numbers):
      let key = TimeBounds.Key(segment: segment.number, stream: stream.id)
      if case .atOrAfter(let time) = search.kind {
        // A search that went through all of it has learnt its latest time.
        if let latest = times[key], latest < time {
          search.pass(numbers)
          return .nothing
        }
        if rest.lowerBound <= numbers.lowerBound { search.latest = (segment.number, .min) }
      }
      let part = rest.clamped(to: numbers).clamped(to: stream.removals.kept(around: position))
      let progress = try advance(&search, through: part, of: segment, stream, &signer, lease, while: mayGoOn)
      guard case .nothing = progress else { return progress }
      if segment.isGone { return .nothing }
      // Only of a segment that got nothing since.
      if let latest = search.latest, latest.segment == segment.number, numbers.upperBound <= part.upperBound,
        segment != listing.segments.last, segment.state == .sealed
      {
        times[key] = latest.time
      }
      search.pass(part)
    }
    return .nothing
  }

  private func advance(
    _ search: inout TimeSearch, through part: ClosedRange<UInt64>, of segment: Segment, _ stream: StreamInfo,
    _ signer: inout BatchSigner, _ lease: ConnectionLease, while mayGoOn: () -> Bool
  ) throws(StoreError) -> TimeSearch.Progress {
    let isReverse = search.isReverse
    while let position = search.position, part.contains(position) {
      let found: ReaderConnection.Times
      do throws(SQLiteError) {
        found = try lease.read(segment) { connection throws(SQLiteError) in
          let (limit, time) = (Self.timesRowCountMax, Self.statementTimeMax)
          if isReverse { return try connection.times(of: stream.id, downFrom: position, limit: limit, time) }
          // A deletion may end in the middle of a run, and runs are joined and merged between two reads.
          if let first = try connection.firstOfRun(of: stream.id, covering: position), first < position {
            let found = try connection.times(of: stream.id, from: first, limit: limit, time)
            // Unless it has seen the run before a gap alone.
            if found.isEnd || found.rows.last.map({ $0.numbers.upperBound >= position }) == true { return found }
          }
          return try connection.times(of: stream.id, from: position, limit: limit, time)
        }
      } catch {
        search.latest = nil
        // It is looked for again.
        if segment.isGone { return .nothing }
        let wanted = isReverse ? part.lowerBound...position : position...part.upperBound
        let end = try endOfDamage(error, in: segment, at: position, wanted, stream, isReverse: isReverse, lease)
        search.pass(end...end)
        continue
      }
      for row in found.rows where row.numbers.overlaps(part) {
        search.note(row.maxTime)
        guard search.kind.mayMatch(minTime: row.minTime, maxTime: row.maxTime) else { continue }
        do throws(SQLiteError) {
          let batches = try batches(inRunAt: row.numbers.lowerBound, segment, stream, &signer, lease)
          if let number = Self.match(search.kind, in: batches, part) { return .found(number) }
        } catch {
          // Only this run is skipped: what follows can still be found.
          try noteDamage(error, in: segment)
        }
        // What lies behind a hole in the row is searched after that.
        search.pass(row.numbers.clamped(to: part))
        if search.rest != nil, !mayGoOn() { return .unfinished }
      }
      guard !found.isEnd, let last = found.rows.last?.numbers else { break }
      search.pass(last.overlaps(part) ? last.clamped(to: part) : last)
      if search.rest != nil, !mayGoOn() { return .unfinished }
    }
    return .nothing
  }

  /// The number of the entry that is searched for, if it is in one of these batches.
  private static func match(_ kind: TimeSearch.Kind, in batches: [Batch], _ bounds: ClosedRange<UInt64>) -> UInt64? {
    switch kind {
    case .atOrAfter(let time):
      for batch in batches where batch.header.effectiveTimes.upperBound >= time {
        for (number, entryTime) in entries(of: batch) where entryTime >= time && bounds.contains(number) {
          return number
        }
      }
    case .atOrBefore(let time):
      for batch in batches.reversed() where batch.header.effectiveTimes.lowerBound <= time {
        for (number, entryTime) in entries(of: batch).reversed() where entryTime <= time && bounds.contains(number) {
          return number
        }
      }
    }
    return nil
  }

  /// The batches of the run that begins at `first`, without damaged ones.
  func batches(
    inRunAt first: UInt64, _ segment: Segment, _ stream: StreamInfo, _ signer: inout BatchSigner,
    _ lease: ConnectionLease
  ) throws(SQLiteError) -> [Batch] {
    let found = try lease.read(segment) { connection throws(SQLiteError) in
      try connection.runs(
        of: stream.id, upFrom: first...first, ReaderConnection.Budget(byteCount: 1, time: .seconds(1)))
    }
    var batches: [Batch] = []
    for part in try parts(of: found.runs, segment, stream, &signer, lease) {
      guard case .batch(let batch) = part else { continue }
      do throws(WireDecodingError) {
        batches.append(try batch.firstBatch())
      } catch {
        preconditionFailure("a batch that was taken apart has a header: \(error)")
      }
    }
    return batches
  }

  /// The numbers and effective times of a batch's entries, in order; none if it cannot be decoded, which a read of it
  /// will report.
  private static func entries(of batch: Batch) -> [(number: UInt64, time: Int64)] {
    var decoder = BatchDecoder()
    do {
      return zip(try decoder.sequences(of: batch), try decoder.effectiveTimes(of: batch)).map { ($0, $1) }
    } catch { return [] }
  }

  /// The mark of a producer on a stream, from the newest segment that has it.
  ///
  /// - Parameter stream: nil if it does not exist.
  func mark(of key: MarkKey, on stream: StreamInfo?) throws(StoreError) -> ProducerMark {
    guard let stream else { return ProducerMark() }
    let lease = ConnectionLease(pool, timeMax: readTimeMax)
    defer { lease.end() }
    let hash = MarkFilters.hash(key.producer, on: stream.id)
    let deadline = SystemClock.monotonic() &+ MarkFilters.makingTimeMax.nanoseconds
    let listing = segments.current
    filters.drop(below: listing.trimmedBelow)
    for listed in listing.segments.reversed() {
      var next: Segment? = listed
      while let segment = next, segment.state != .damaged, segment.state != .trimmed {
        next = nil
        if segment.state == .sealed {
          if filters.isMissing(segment.number), SystemClock.monotonic() < deadline { makeFilter(segment, lease) }
          if filters.excludes(hash, from: segment.number) { continue }
        }
        do throws(SQLiteError) {
          let (mark, isKnown) = try lease.read(segment) { connection throws(SQLiteError) in
            (try connection.mark(of: key.producer, on: stream.id), try connection.next(of: stream.id) != nil)
          }
          if let mark { return mark }
          // The stream is younger than the segment: no older segment knows it.
          if !isKnown { return ProducerMark() }
        } catch {
          if segment.isGone {
            // An older segment may have an older mark, by which a batch would be stored twice.
            next = segments.replacement(of: segment)
            continue
          }
          // For the same reason not when the next read may succeed.
          if error.isFailedRead, !segment.hasTooManyFailedReads() { throw StoreError(error, while: "read") }
          try noteDamage(error, in: segment)
        }
      }
    }
    return ProducerMark()
  }

  private func makeFilter(_ segment: Segment, _ lease: ConnectionLease) {
    filters.make(of: segment) { visit throws(SQLiteError) in
      try lease.read(segment) { connection throws(SQLiteError) in
        try connection.forEachMarked { stream, producer in visit(MarkFilters.hash(producer, on: stream)) }
      }
    }
  }
}
