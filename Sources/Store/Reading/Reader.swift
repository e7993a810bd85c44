internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// Reads streams, from the tail cache or else from segments. Everything that reads shares this path.
struct Reader: Sendable {
  let catalog: Catalog
  let segments: SegmentList
  let pool: ConnectionPool
  let tail: TailCache
  let files: any FileSystem
  let times = TimeBounds()
  let filters = MarkFilters()
  let evaluators = FilterEvaluators()
  let readTimeMax: Duration
  /// Called with damage in the active segment, which concerns the whole store.
  let damaged: @Sendable (StoreError) -> Void
  let log: @Sendable (LogLine) -> Void
  /// Called with each number at which a read begins to call something lost; nil if the log is enough.
  var lost: (@Sendable (Loss) -> Void)?

  /// How long one statement may stay open: it pins the WAL.
  static let statementTimeMax = Duration.milliseconds(10)

  /// What the tail cache has, nil if it does not have the first number wanted.
  func readCached(_ request: ReadRequest) -> ReadResult? {
    guard let stream = catalog[request.stream] else { return nil }
    var builder = PieceBuilder(request, of: stream)
    if builder.isComplete { return builder.finish() }
    // To evaluate a filter takes a thread of its own.
    guard request.filter == nil else { return nil }
    do throws(StoreError) {
      var filter: FilteredRead?
      guard try readTail(request, stream, &filter, into: &builder) else { return nil }
    } catch {
      // A batch that cannot be cut. Who reads it on a thread meets that again.
      return nil
    }
    return builder.finish()
  }

  func isCached(_ request: ReadRequest) -> Bool {
    guard let stream = catalog[request.stream] else { return false }
    let builder = PieceBuilder(request, of: stream)
    return builder.isComplete || request.filter == nil && tail.holds(builder.position, of: request.stream)
  }

  /// Whether a filter has to look at what may not be in memory. A follower that has caught up does not search.
  func isSearch(_ request: ReadRequest) -> Bool {
    guard request.filter != nil, let stream = catalog[request.stream] else { return false }
    let builder = PieceBuilder(request, of: stream)
    return request.tally != nil || !builder.isComplete && !tail.holds(builder.position, of: request.stream)
  }

  /// Reads one range after the other, until bytes or time are used up or one cannot be read. The first is always read.
  ///
  /// - Parameters:
  ///   - isCancelled: whether nobody waits for the answer any more; asked while a filter is evaluated.
  ///   - mayGoOn: asked between them.
  /// - Returns: a result for each range that was tried, in order.
  func read(
    _ requests: [ReadRequest], isCancelled: @escaping () -> Bool = { false }, while mayGoOn: () -> Bool
  ) -> [Result<ReadResult, StoreError>] {
    let deadline = SystemClock.monotonic() &+ readTimeMax.nanoseconds
    // The streams first, then the segments: everything up to a published head is in a listed segment, and in a snapshot
    // of it that is taken later.
    let streams = requests.map { catalog[$0.stream] }
    let listing = segments.current
    let lease = ConnectionLease(pool, timeMax: readTimeMax)
    defer { lease.end() }
    var results: [Result<ReadResult, StoreError>] = []
    var byteCount = 0
    for (var request, stream) in zip(requests, streams) {
      if !results.isEmpty {
        guard mayGoOn(), byteCount < request.byteCountMax, SystemClock.monotonic() < deadline else { break }
        request.byteCountMax -= byteCount
      }
      do throws(StoreError) {
        guard let stream else { throw Self.unknownStream(request.stream) }
        let result = try read(request, stream, listing, lease, deadline: deadline, isCancelled)
        byteCount += result.byteCount
        results.append(.success(result))
      } catch {
        results.append(.failure(error))
        break
      }
    }
    return results
  }

  private func read(
    _ request: ReadRequest, _ stream: StreamInfo, _ listing: SegmentListing, _ lease: ConnectionLease,
    deadline: Int64, _ isCancelled: @escaping () -> Bool
  ) throws(StoreError) -> ReadResult {
    guard let filter = request.filter else {
      var none: FilteredRead?
      return try read(request, stream, listing, lease, &none)
    }
    return try evaluators.with { evaluator throws(StoreError) in
      var filtered: FilteredRead? = FilteredRead(
        filter, request, stream, evaluator, deadline: deadline, isCancelled: isCancelled)
      var result = try read(request, stream, listing, lease, &filtered)
      result.tally = filtered?.tally
      result.evaluatedByteCount = filtered?.evaluatedByteCount ?? 0
      result.evaluatedTime = filtered?.evaluatedTime
      return result
    }
  }

  private func read(
    _ request: ReadRequest, _ stream: StreamInfo, _ listing: SegmentListing, _ lease: ConnectionLease,
    _ filter: inout FilteredRead?
  ) throws(StoreError) -> ReadResult {
    var listing = listing
    var builder = PieceBuilder(request, of: stream)
    var signer = BatchSigner(stream)
    while !builder.isComplete {
      if try readTail(request, stream, &filter, into: &builder) { continue }
      switch try locate(builder.position, in: stream, &listing, lease) {
      case .nowhere(let numbers, let reason):
        builder.skip(through: request.isReverse ? numbers.lowerBound : numbers.upperBound, reason)
      case .segment(let segment, let numbers):
        let position = builder.position
        try read(segment, numbers, stream, request, &filter, &signer, &builder, lease)
        // Rows contradict each other: whatever they say, a reader must make progress. One that was trimmed meanwhile
        // is looked for again.
        if builder.position == position, !builder.isComplete, !segment.isGone {
          try lose(
            through: request.isReverse ? numbers.lowerBound : numbers.upperBound, segment, stream,
            "its rows contradict each other", &builder, lease)
        }
      }
    }
    return builder.finish()
  }

  /// - Returns: whether the tail cache held the position.
  private func readTail(
    _ request: ReadRequest, _ stream: StreamInfo, _ filter: inout FilteredRead?, into builder: inout PieceBuilder
  ) throws(StoreError) -> Bool {
    if request.isReverse {
      guard
        let runs = tail.runs(
          of: request.stream, downFrom: builder.position, byteCountMax: request.byteCountMax)
      else { return false }
      for run in runs {
        for batch in Self.trustedBatches(run).reversed() where batch.header.firstSequence <= builder.position {
          // It does not cover the position where something was removed before it.
          guard !builder.isComplete, batch.header.lastSequence >= builder.position,
            try add(Run(batch), request, stream, &filter, to: &builder)
          else { return true }
        }
      }
    } else {
      guard let runs = tail.runs(of: request.stream, from: builder.position, byteCountMax: request.byteCountMax)
      else { return false }
      for run in runs {
        for batch in Self.trustedBatches(run) where batch.header.lastSequence >= builder.position {
          guard !builder.isComplete, batch.header.firstSequence <= builder.position,
            try add(Run(batch), request, stream, &filter, to: &builder)
          else { return true }
        }
      }
    }
    return true
  }

  /// Adds a batch that covers the builder's position, or what the filter lets through of it.
  ///
  /// - Returns: false when it no longer fits, or the read ends.
  private func add(
    _ batch: Run, _ request: ReadRequest, _ stream: StreamInfo, _ filter: inout FilteredRead?,
    to builder: inout PieceBuilder
  ) throws(StoreError) -> Bool {
    guard filter != nil else {
      guard let kept = builder.cut(of: batch) else {
        let isGiven = batch.dictionary == nil || request.takesDictionaries
        return builder.append(isGiven ? batch : try plain(batch, stream))
      }
      guard let bytes = try extract(kept, of: batch, stream) else {
        builder.skip(through: request.isReverse ? kept.lowerBound : kept.upperBound, .lost)
        return !builder.isComplete
      }
      return builder.append(Run(batch.numbers, bytes))
    }
    return try filter?.add(batch, to: &builder, isReverse: request.isReverse) ?? false
  }

  /// A batch with some of its entries, of the same numbers.
  private func extract(
    _ numbers: ClosedRange<UInt64>, of run: Run, _ stream: StreamInfo
  ) throws(StoreError) -> ByteString? {
    let extracted: Result<ByteString?, FilterFailure> = evaluators.with { evaluator in
      do throws(FilterFailure) {
        let batch = try FilterFailure.wrapping { () throws(WireDecodingError) in try run.firstBatch() }
        return .success(try evaluator.extract([numbers], of: batch, seed: stream.serverSeed)?.bytes)
      } catch {
        return .failure(error)
      }
    }
    do throws(FilterFailure) { return try extracted.get() } catch { throw StoreError(error, stream.name) }
  }

  /// A batch without its dictionary.
  private func plain(_ run: Run, _ stream: StreamInfo) throws(StoreError) -> Run {
    let plain: Result<Run, FilterFailure> = evaluators.with { evaluator in
      do throws(FilterFailure) { return .success(try evaluator.plain(run, seed: stream.serverSeed)) } catch {
        return .failure(error)
      }
    }
    do throws(FilterFailure) { return try plain.get() } catch { throw StoreError(error, stream.name) }
  }

  private static func trustedBatches(_ run: Run) -> [Batch] {
    do throws(WireDecodingError) {
      return try Batch.run(run.batches)
    } catch {
      preconditionFailure("the store wrote these batches itself: \(error)")
    }
  }

  /// Reads what one segment has of the wanted numbers within `bounds`, and skips what it should have and does not.
  private func read(
    _ segment: Segment, _ bounds: ClosedRange<UInt64>, _ stream: StreamInfo, _ request: ReadRequest,
    _ filter: inout FilteredRead?, _ signer: inout BatchSigner, _ builder: inout PieceBuilder,
    _ lease: ConnectionLease
  ) throws(StoreError) {
    var request = request
    // What was removed may be in the dictionary still.
    if stream.removals.count(in: bounds) > 0 { request.takesDictionaries = false }
    filter?.takesDictionaries = request.takesDictionaries
    // Little of it may pass a filter.
    let byteCount = filter == nil ? request.byteCountMax : ReadRequest.byteCountLimit
    let budget = ReaderConnection.Budget(byteCount: byteCount, time: Self.statementTimeMax)
    let whole = builder.wanted
    var wanted = max(bounds.lowerBound, whole.lowerBound)...min(bounds.upperBound, whole.upperBound)
    if var filtered = filter {
      filter = nil
      defer { filter = filtered }
      guard try passOver(&filtered, segment, stream, &wanted, isReverse: request.isReverse, &builder, lease) else {
        return
      }
    }
    let parts: [BatchSigner.Part]
    let isEnd: Bool
    do throws(SQLiteError) {
      let found = try lease.read(segment) { connection throws(SQLiteError) in
        request.isReverse
          ? try connection.runs(of: stream.id, downFrom: wanted, budget)
          : try connection.runs(of: stream.id, upFrom: wanted, budget)
      }
      parts = try self.parts(of: found.runs, segment, stream, &signer, lease)
      isEnd = found.isEnd
    } catch {
      if segment.isGone { return }
      let end = try endOfDamage(
        error, in: segment, at: builder.position, wanted, stream, isReverse: request.isReverse, lease)
      try lose(through: end, segment, stream, error.text, &builder, lease)
      return
    }
    for part in request.isReverse ? parts.reversed() : parts {
      // A row may go on behind what is wanted, where the index may have the answer.
      if builder.isComplete || !wanted.contains(builder.position) { return }
      switch part {
      case .batch(let batch):
        // In reverse, runs end where the wanted range does, or after it.
        if request.isReverse ? batch.first > builder.position : batch.last < builder.position { continue }
        if request.isReverse ? batch.last < builder.position : batch.first > builder.position {
          try lose(
            through: request.isReverse ? batch.last + 1 : batch.first - 1, segment, stream, nil, &builder, lease)
        }
        guard try add(batch, request, stream, &filter, to: &builder) else { return }
      case .damaged(let numbers):
        if request.isReverse ? numbers.lowerBound > builder.position : numbers.upperBound < builder.position {
          continue
        }
        let end = try endOfDamage(numbers, in: segment, at: builder.position, wanted, stream, request, lease)
        try lose(through: end, segment, stream, "a batch does not pass its check", &builder, lease)
      }
    }
    if isEnd, !builder.isComplete {
      // Every run has been seen, and none has the rest of the bounds.
      let end = request.isReverse ? wanted.lowerBound : wanted.upperBound
      if request.isReverse ? builder.position >= end : builder.position <= end {
        try lose(through: end, segment, stream, nil, &builder, lease)
      }
    }
  }

  /// The batches of runs, ascending.
  func parts(
    of runs: [Run], _ segment: Segment, _ stream: StreamInfo, _ signer: inout BatchSigner, _ lease: ConnectionLease
  ) throws(SQLiteError) -> [BatchSigner.Part] {
    var parts: [BatchSigner.Part] = []
    for run in runs.sorted(by: { $0.first < $1.first }) {
      parts += try signer.parts(of: run) { () throws(SQLiteError) in
        try lease.read(segment) { connection throws(SQLiteError) in
          try connection.incarnations(of: stream.id)
        }
      }
    }
    return parts
  }

  /// How far the damage behind `error` reaches: to the next run if the index still knows it, else to the end.
  ///
  /// - Throws: if the error is not damage, or the store cannot do without the segment.
  func endOfDamage(
    _ error: SQLiteError, in segment: Segment, at position: UInt64, _ wanted: ClosedRange<UInt64>, _ stream: StreamInfo,
    isReverse: Bool, _ lease: ConnectionLease
  ) throws(StoreError) -> UInt64 {
    try noteDamage(error, in: segment)
    do throws(SQLiteError) {
      return try lease.withConnection(to: segment) { connection throws(SQLiteError) in
        if isReverse {
          return max(try connection.firstOfRun(of: stream.id, covering: position) ?? 0, wanted.lowerBound)
        }
        guard let next = try connection.firstOfRun(of: stream.id, behind: position) else { return wanted.upperBound }
        return min(next - 1, wanted.upperBound)
      }
    } catch {
      return isReverse ? wanted.lowerBound : wanted.upperBound
    }
  }

  /// How far the damage of one row reaches: never into the next row, whatever the damaged row says of itself.
  private func endOfDamage(
    _ damage: ClosedRange<UInt64>, in segment: Segment, at position: UInt64, _ wanted: ClosedRange<UInt64>,
    _ stream: StreamInfo, _ request: ReadRequest, _ lease: ConnectionLease
  ) throws(StoreError) -> UInt64 {
    if request.isReverse { return max(damage.lowerBound, wanted.lowerBound) }
    do throws(SQLiteError) {
      let next = try lease.read(segment) { connection throws(SQLiteError) in
        try connection.firstOfRun(of: stream.id, behind: position)
      }
      return min(damage.upperBound, wanted.upperBound, next.map { $0 - 1 } ?? .max)
    } catch {
      return min(damage.upperBound, wanted.upperBound)
    }
  }

  func stream(_ id: Int64) throws(StoreError) -> StreamInfo {
    guard let stream = catalog[id] else { throw Self.unknownStream(id) }
    return stream
  }

  static func unknownStream(_ id: Int64) -> StoreError {
    StoreError(.unknownStream, "there is no stream with the id \(id) in this store")
  }
}
