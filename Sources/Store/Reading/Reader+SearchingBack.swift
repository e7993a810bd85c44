internal import LogsDisk
internal import LogsWire

extension Reader {
  /// The last number of `bounds` whose entry has this effective time or an earlier one; nil when there is none.
  ///
  /// Entries need not be in the order of their times: runs are looked at from the end of the bounds, by the times that their
  /// rows tell, and the first one that reaches back so far is decoded.
  ///
  /// - Parameter isWanted: asked between statements: a search may take long.
  func findSequence(
    stream id: Int64, atOrBefore time: Int64, in bounds: ClosedRange<UInt64>, while isWanted: () -> Bool
  ) throws(StoreError) -> UInt64? {
    let loan = Loan(pool, timeMax: readTimeMax)
    defer { loan.end() }
    let stream = try stream(id)
    var listing = segments.current
    var signer = BatchSigner(stream)
    var position = min(bounds.upperBound, stream.head)
    while position >= max(bounds.lowerBound, 1) {
      switch try place(of: position, in: stream, &listing, loan) {
      case .nowhere(let first, _, _): position = first - 1
      case .segment(let segment, let first, _):
        let part = max(first, bounds.lowerBound)...position
        if let found = try find(time, backIn: segment, stream, part, &signer, loan, while: isWanted) { return found }
        position = part.lowerBound - 1
      }
    }
    return nil
  }

  private func find(
    _ time: Int64, backIn segment: Segment, _ stream: StreamInfo, _ bounds: ClosedRange<UInt64>,
    _ signer: inout BatchSigner, _ loan: Loan, while isWanted: () -> Bool
  ) throws(StoreError) -> UInt64? {
    var position = bounds.upperBound
    while position >= bounds.lowerBound {
      guard isWanted() else { throw .unwanted }
      let found: ReaderConnection.Times
      do throws(SQLiteError) {
        found = try loan.query(segment) { connection throws(SQLiteError) in
          try connection.times(of: stream.id, downFrom: position, limit: Self.timesRowCountMax, Self.statementTimeMax)
        }
      } catch {
        let end = try endOfDamage(
          error, in: segment, at: position, bounds.lowerBound...position, stream, isReverse: true, loan)
        position = end - 1
        continue
      }
      for row in found.rows where row.last >= bounds.lowerBound && row.minTime <= time {
        guard isWanted() else { throw .unwanted }
        do throws(SQLiteError) {
          let batches = try batches(inRunAt: row.first, segment, stream, &signer, loan)
          if let number = last(of: batches, atOrBefore: time, in: bounds) { return number }
        } catch {
          // Only this run: what is before it can still be found.
          try noteDamage(error, in: segment)
        }
      }
      guard !found.isEnd, let last = found.rows.last else { break }
      position = last.first - 1
    }
    return nil
  }

  private func last(of batches: [Batch], atOrBefore time: Int64, in bounds: ClosedRange<UInt64>) -> UInt64? {
    for batch in batches.reversed() {
      let header = batch.header
      guard header.effectiveTimes.lowerBound <= time, header.firstSequence <= bounds.upperBound else { continue }
      for (index, entryTime) in timesOf(batch).enumerated().reversed() where entryTime <= time {
        // In a sparse batch the entry's number is this or a higher one: nothing wanted is left out.
        let isSparse = header.flags.contains(.sparse)
        let number = isSparse ? min(header.lastSequence, bounds.upperBound) : header.firstSequence + UInt64(index)
        if bounds.contains(number) { return number }
      }
    }
    return nil
  }

  /// The batches of the run that begins at `first`, but for damaged ones.
  func batches(
    inRunAt first: UInt64, _ segment: Segment, _ stream: StreamInfo, _ signer: inout BatchSigner, _ loan: Loan
  ) throws(SQLiteError) -> [Batch] {
    let found = try loan.query(segment) { connection throws(SQLiteError) in
      try connection.runs(
        of: stream.id, upFrom: first...first, ReaderConnection.Budget(byteCount: 1, time: .seconds(1)))
    }
    var batches: [Batch] = []
    for part in try parts(of: found.runs, segment, stream, &signer, loan) {
      guard case .batch(let bytes, _, _) = part else { continue }
      do throws(DecodingError) {
        batches.append(try Batch(startOf: bytes))
      } catch {
        preconditionFailure("a batch that was taken apart has a header: \(error)")
      }
    }
    return batches
  }
}
