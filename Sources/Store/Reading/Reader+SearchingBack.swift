internal import LogsDisk
internal import LogsWire

extension Reader {
  /// Searches one segment backwards for what is left of the search, by the times in its rows.
  ///
  /// - Returns: `nothing` when it holds no such entry.
  func findBack(
    _ time: Int64, _ search: inout TimeSearch, _ stream: StreamInfo, _ listing: inout SegmentListing,
    _ signer: inout BatchSigner, _ lease: ConnectionLease, while mayGoOn: () -> Bool
  ) throws(StoreError) -> TimeSearch.Progress {
    guard let rest = search.rest else { return .nothing }
    switch try locate(rest.upperBound, in: stream, &listing, lease) {
    case .nowhere(let numbers, _): search.pass(downTo: numbers.lowerBound)
    case .segment(let segment, let numbers):
      let part = max(numbers.lowerBound, rest.lowerBound)...rest.upperBound
      let progress = try find(time, backIn: segment, &search, stream, part, &signer, lease, while: mayGoOn)
      guard case .nothing = progress else { return progress }
      search.pass(downTo: part.lowerBound)
    }
    return .nothing
  }

  private func find(
    _ time: Int64, backIn segment: Segment, _ search: inout TimeSearch, _ stream: StreamInfo,
    _ bounds: ClosedRange<UInt64>, _ signer: inout BatchSigner, _ lease: ConnectionLease, while mayGoOn: () -> Bool
  ) throws(StoreError) -> TimeSearch.Progress {
    var position = bounds.upperBound
    while position >= bounds.lowerBound {
      let found: ReaderConnection.Times
      do throws(SQLiteError) {
        found = try lease.read(segment) { connection throws(SQLiteError) in
          try connection.times(of: stream.id, downFrom: position, limit: Self.timesRowCountMax, Self.statementTimeMax)
        }
      } catch {
        let end = try endOfDamage(
          error, in: segment, at: position, bounds.lowerBound...position, stream, isReverse: true, lease)
        search.pass(downTo: end)
        position = end - 1
        continue
      }
      for row in found.rows where row.numbers.upperBound >= bounds.lowerBound && row.minTime <= time {
        do throws(SQLiteError) {
          let batches = try batches(inRunAt: row.numbers.lowerBound, segment, stream, &signer, lease)
          if let number = last(of: batches, atOrBefore: time, in: bounds) { return .found(number) }
        } catch {
          // Only this run is skipped: what comes before can still be found.
          try noteDamage(error, in: segment)
        }
        search.pass(downTo: row.numbers.lowerBound)
        if search.rest != nil, !mayGoOn() { return .unfinished }
      }
      guard !found.isEnd, let first = found.rows.last?.numbers.lowerBound else { break }
      search.pass(downTo: first)
      if search.rest != nil, !mayGoOn() { return .unfinished }
      position = first - 1
    }
    return .nothing
  }

  private func last(of batches: [Batch], atOrBefore time: Int64, in bounds: ClosedRange<UInt64>) -> UInt64? {
    for batch in batches.reversed() {
      let header = batch.header
      guard header.effectiveTimes.lowerBound <= time, header.firstSequence <= bounds.upperBound else { continue }
      for (index, entryTime) in Self.times(of: batch).enumerated().reversed() where entryTime <= time {
        // In a sparse batch the entry has this number or a higher one: nothing wanted is left out.
        let isSparse = header.flags.contains(.sparse)
        let number = isSparse ? min(header.lastSequence, bounds.upperBound) : header.firstSequence + UInt64(index)
        if bounds.contains(number) { return number }
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
        batches.append(try Batch(startOf: batch.batches))
      } catch {
        preconditionFailure("a batch that was taken apart has a header: \(error)")
      }
    }
    return batches
  }
}
