internal import LogsDisk
internal import LogsWire

extension Reader {
  /// Rows that one statement looks at.
  static let timesRowCountMax = 1000

  /// The first number whose entry has this effective time or a later one; behind the head when there is none.
  ///
  /// Entries need not be in the order of their times: every run is looked at, by the times that its row tells, and the first
  /// one that reaches so far is decoded.
  ///
  /// - Parameter isWanted: asked between segments, and between statements: a search may take long.
  func findSequence(
    stream id: Int64, atOrAfter time: Int64, while isWanted: () -> Bool
  ) throws(StoreError) -> UInt64 {
    let loan = Loan(pool, timeMax: readTimeMax)
    defer { loan.end() }
    let stream = try stream(id)
    var listing = segments.current
    var signer = BatchSigner(stream)
    var position: UInt64 = 1
    while position <= stream.head {
      switch try place(of: position, in: stream, &listing, loan) {
      case .nowhere(_, let last, _): position = last + 1
      case .segment(let segment, let first, let last):
        let key = TimeBounds.Key(segment: segment.number, stream: id)
        // Whoever has looked through all of it before knows its latest time.
        let isPastAll = times[key].map { $0 < time } ?? false
        if !isPastAll {
          let outcome = try find(
            time, in: segment, stream, position...min(last, stream.head), &signer, loan, while: isWanted)
          if let found = outcome.number { return found }
          if let latest = outcome.latest, position <= first, segment.state == .sealed { times[key] = latest }
        }
        position = last + 1
      }
    }
    return stream.head + 1
  }

  /// - Returns: the number; without one, the latest time in all of the runs, nil when some of them could not be read.
  private func find(
    _ time: Int64, in segment: Segment, _ stream: StreamInfo, _ bounds: ClosedRange<UInt64>,
    _ signer: inout BatchSigner, _ loan: Loan, while isWanted: () -> Bool
  ) throws(StoreError) -> (number: UInt64?, latest: Int64?) {
    var position = bounds.lowerBound
    var latest: Int64? = .min
    while position <= bounds.upperBound {
      guard isWanted() else { throw .unwanted }
      let found: ReaderConnection.Times
      do throws(SQLiteError) {
        found = try loan.query(segment) { connection throws(SQLiteError) in
          try connection.times(of: stream.id, from: position, limit: Self.timesRowCountMax, Self.statementTimeMax)
        }
      } catch {
        latest = nil
        let end = try endOfDamage(
          error, in: segment, at: position, position...bounds.upperBound, stream, isReverse: false, loan)
        position = end + 1
        continue
      }
      for row in found.rows where row.first <= bounds.upperBound {
        latest = latest.map { max($0, row.maxTime) }
        guard row.maxTime >= time else { continue }
        guard isWanted() else { throw .unwanted }
        do throws(SQLiteError) {
          if let number = try find(time, inRunAt: row.first, segment, stream, &signer, loan) { return (number, nil) }
        } catch {
          // Only this run: what is behind it can still be found.
          try noteDamage(error, in: segment)
        }
      }
      guard !found.isEnd, let last = found.rows.last else { break }
      position = last.last + 1
    }
    return (nil, latest)
  }

  private func find(
    _ time: Int64, inRunAt first: UInt64, _ segment: Segment, _ stream: StreamInfo, _ signer: inout BatchSigner,
    _ loan: Loan
  ) throws(SQLiteError) -> UInt64? {
    for batch in try batches(inRunAt: first, segment, stream, &signer, loan)
    where batch.header.effectiveTimes.upperBound >= time {
      // In a sparse batch the entry's number is this or a higher one: nothing wanted is left out.
      if let index = timesOf(batch).firstIndex(where: { $0 >= time }) {
        return batch.header.firstSequence + UInt64(index)
      }
    }
    return nil
  }

  /// The mark of a producer on a stream: what the newest segment that knows it says.
  func mark(of key: MarkKey) throws(StoreError) -> ProducerMark {
    guard let stream = catalog[key.stream] else { return ProducerMark() }
    let loan = Loan(pool, timeMax: readTimeMax)
    defer { loan.end() }
    let hash = MarkFilters.hash(key.producer, on: stream.id)
    let deadline = SystemClock.monotonic() &+ MarkFilters.makingTimeMax.nanoseconds
    for segment in segments.current.segments.reversed() where segment.state != .damaged {
      if segment.state == .sealed {
        if filters.isMissing(segment.number), SystemClock.monotonic() < deadline { makeFilter(segment, loan) }
        if filters.excludes(hash, from: segment.number) { continue }
      }
      do throws(SQLiteError) {
        let (mark, isKnown) = try loan.query(segment) { connection throws(SQLiteError) in
          (try connection.mark(of: key.producer, on: stream.id), try connection.next(of: stream.id) != nil)
        }
        if let mark { return mark }
        // The stream came later: no older segment knows of it.
        if !isKnown { return ProducerMark() }
      } catch {
        // Taken as not there, a mark costs a batch stored twice: not for a read that may go well the next time.
        if error.isFailedRead, !segment.hasTooManyFailedReads() { throw StoreError(error, while: "read") }
        try noteDamage(error, in: segment)
      }
    }
    return ProducerMark()
  }

  private func makeFilter(_ segment: Segment, _ loan: Loan) {
    filters.make(segment.number) { visit throws(SQLiteError) in
      try loan.query(segment) { connection throws(SQLiteError) in
        try connection.forEachMarked { stream, producer in visit(MarkFilters.hash(producer, on: stream)) }
      }
    }
  }
}
