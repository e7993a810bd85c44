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
      let progress: TimeSearch.Progress
      switch search.kind {
      case .atOrAfter(let time):
        progress = try find(time, &search, stream, &listing, &signer, lease, while: mayGoOn)
      case .atOrBefore(let time):
        progress = try findBack(time, &search, stream, &listing, &signer, lease, while: mayGoOn)
      }
      guard case .nothing = progress else { return progress }
      if search.rest != nil, !mayGoOn() { return .unfinished }
    }
    return .nothing
  }

  /// Searches one segment for what is left of the search.
  ///
  /// - Returns: `nothing` when it holds no such entry.
  private func find(
    _ time: Int64, _ search: inout TimeSearch, _ stream: StreamInfo, _ listing: inout SegmentListing,
    _ signer: inout BatchSigner, _ lease: ConnectionLease, while mayGoOn: () -> Bool
  ) throws(StoreError) -> TimeSearch.Progress {
    guard let rest = search.rest else { return .nothing }
    switch try locate(rest.lowerBound, in: stream, &listing, lease) {
    case .nowhere(let numbers, _): search.pass(upTo: numbers.upperBound)
    case .segment(let segment, let numbers):
      let key = TimeBounds.Key(segment: segment.number, stream: stream.id)
      // A search that went through all of it has learnt its latest time.
      if let latest = times[key], latest < time {
        search.pass(upTo: numbers.upperBound)
        return .nothing
      }
      if rest.lowerBound <= numbers.lowerBound { search.latest = (segment.number, .min) }
      let progress = try find(
        time, in: segment, &search, stream, rest.lowerBound...min(numbers.upperBound, rest.upperBound), &signer, lease,
        while: mayGoOn)
      guard case .nothing = progress else { return progress }
      // Only of a segment that got nothing since.
      if let latest = search.latest, latest.segment == segment.number, numbers.upperBound <= rest.upperBound,
        segment != listing.segments.last, segment.state == .sealed
      {
        times[key] = latest.time
      }
      search.pass(upTo: numbers.upperBound)
    }
    return .nothing
  }

  private func find(
    _ time: Int64, in segment: Segment, _ search: inout TimeSearch, _ stream: StreamInfo,
    _ bounds: ClosedRange<UInt64>, _ signer: inout BatchSigner, _ lease: ConnectionLease, while mayGoOn: () -> Bool
  ) throws(StoreError) -> TimeSearch.Progress {
    var position = bounds.lowerBound
    while position <= bounds.upperBound {
      let found: ReaderConnection.Times
      do throws(SQLiteError) {
        found = try lease.read(segment) { connection throws(SQLiteError) in
          try connection.times(of: stream.id, from: position, limit: Self.timesRowCountMax, Self.statementTimeMax)
        }
      } catch {
        search.latest = nil
        let end = try endOfDamage(
          error, in: segment, at: position, position...bounds.upperBound, stream, isReverse: false, lease)
        search.pass(upTo: end)
        position = end + 1
        continue
      }
      for row in found.rows where row.numbers.lowerBound <= bounds.upperBound {
        search.note(row.maxTime)
        guard row.maxTime >= time else { continue }
        do throws(SQLiteError) {
          if let number = try find(time, inRunAt: row.numbers.lowerBound, segment, stream, &signer, lease) {
            return .found(number)
          }
        } catch {
          // Only this run is skipped: what follows can still be found.
          try noteDamage(error, in: segment)
        }
        search.pass(upTo: row.numbers.upperBound)
        if search.rest != nil, !mayGoOn() { return .unfinished }
      }
      guard !found.isEnd, let last = found.rows.last?.numbers.upperBound else { break }
      search.pass(upTo: last)
      if search.rest != nil, !mayGoOn() { return .unfinished }
      position = last + 1
    }
    return .nothing
  }

  private func find(
    _ time: Int64, inRunAt first: UInt64, _ segment: Segment, _ stream: StreamInfo, _ signer: inout BatchSigner,
    _ lease: ConnectionLease
  ) throws(SQLiteError) -> UInt64? {
    for batch in try batches(inRunAt: first, segment, stream, &signer, lease)
    where batch.header.effectiveTimes.upperBound >= time {
      // In a sparse batch the entry has this number or a higher one: nothing wanted is left out.
      if let index = Self.times(of: batch).firstIndex(where: { $0 >= time }) {
        return batch.header.firstSequence + UInt64(index)
      }
    }
    return nil
  }

  /// The effective times of a batch's entries, in order; none if it cannot be decoded, which a read of it will report.
  static func times(of batch: Batch) -> [Int64] {
    var decoder = BatchDecoder()
    do { return try decoder.effectiveTimes(of: batch) } catch { return [] }
  }

  /// The mark of a producer on a stream, from the newest segment that has it.
  func mark(of key: MarkKey) throws(StoreError) -> ProducerMark {
    guard let stream = catalog[key.stream] else { return ProducerMark() }
    let lease = ConnectionLease(pool, timeMax: readTimeMax)
    defer { lease.end() }
    let hash = MarkFilters.hash(key.producer, on: stream.id)
    let deadline = SystemClock.monotonic() &+ MarkFilters.makingTimeMax.nanoseconds
    for segment in segments.current.segments.reversed() where segment.state != .damaged {
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
        // A mark that is wrongly taken as missing may have a batch stored twice: not when the next read may succeed.
        if error.isFailedRead, !segment.hasTooManyFailedReads() { throw StoreError(error, while: "read") }
        try noteDamage(error, in: segment)
      }
    }
    return ProducerMark()
  }

  private func makeFilter(_ segment: Segment, _ lease: ConnectionLease) {
    filters.make(segment.number) { visit throws(SQLiteError) in
      try lease.read(segment) { connection throws(SQLiteError) in
        try connection.forEachMarked { stream, producer in visit(MarkFilters.hash(producer, on: stream)) }
      }
    }
  }
}
