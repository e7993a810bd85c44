import LogsServer
import LogsStore
import LogsWire

/// A model's disk as a hub sees a store: reads take a while, and some entries are also in memory.
final class ModelStore: StreamSource {
  private let simulation: Simulation
  private let readMilliseconds: ClosedRange<Int>
  /// The published state of the disk.
  private(set) var disk = ModelDisk()
  /// Whether the requested entries are in memory.
  var isCached: () -> Bool
  private(set) var readCount = 0
  private let evaluator = FilterEvaluator()
  /// Which batches are lost when they are read.
  var isLost = ModelStore.isLost
  /// What it says of the dictionary of any stream.
  var dictionary: () -> StreamDictionary? = { nil }
  private(set) var dictionaryLookCount = 0
  /// What is said to be gone of every stream: numbers that were removed, and those below the first.
  var removals = Removals()
  var first: UInt64 = 1

  init(_ simulation: Simulation, readMilliseconds: ClosedRange<Int> = 0...6) {
    self.simulation = simulation
    self.readMilliseconds = readMilliseconds
    isCached = { simulation.chance(2) }
  }

  /// Publishes another state of the disk.
  ///
  /// - Returns: what is new in it.
  func show(_ disk: ModelDisk) -> Commit {
    let old = self.disk
    self.disk = disk
    let deleted = old.streams.indices.filter { index in
      !old.streams[index].isDeleted && index < disk.streams.count && disk.streams[index].isDeleted
    }
    let runs: [CommittedRun] = disk.streams.indices.compactMap { index in
      let before = index < old.streams.count ? old.streams[index] : nil
      let stream = disk.streams[index]
      let head = before?.head ?? 0
      guard stream.head > head else { return nil }
      return CommittedRun(
        stream: info(index), isNewStream: before == nil,
        run: Run(head + 1...stream.head, Self.bytes(stream.batches.filter { $0.header.firstSequence > head })),
        entryCount: stream.head - head, sealed: stream.isSealed)
    }
    return Commit(replies: [], runs: runs, deleted: deleted.map(info))
  }

  private static func bytes(_ batches: some Sequence<Batch>) -> ByteString {
    var writer = ByteWriter()
    for batch in batches { writer.append(batch.bytes) }
    return writer.finish()
  }

  // MARK: Streams

  private func info(_ index: Int) -> StreamInfo {
    let stream = disk.streams[index]
    var info = StreamInfo(
      id: Int64(index) + 1, name: stream.name, incarnation: stream.incarnation, first: first, head: stream.head,
      isSealed: stream.isSealed)
    info.removals = removals
    return info
  }

  var newestStreamID: Int64 { Int64(disk.streams.count) }

  private var infos: [StreamInfo] { disk.streams.indices.filter { !disk.streams[$0].isDeleted }.map(info) }

  func stream(named name: StreamName) -> StreamInfo? { infos.first { $0.name == name } }

  func streams(from text: String, beginningWith prefix: String, limit: Int) -> [StreamInfo] {
    let names = infos.filter { $0.name.text >= text && $0.name.text.hasPrefix(prefix) }
    return Array(names.sorted { $0.name < $1.name }.prefix(limit))
  }

  func streams(bornAfter id: Int64, limit: Int) -> [StreamInfo] {
    Array(infos.filter { $0.id > id }.prefix(limit))
  }

  // MARK: Reads

  /// Batches that are lost when read, as damaged ones are, although live subscriptions have received them.
  static func isLost(_ batch: Batch) -> Bool { batch.header.check % 7 == 0 }

  /// One that was not deleted. A read may end after its process, and after a fault planted in the next one's start has
  /// lost the stream.
  private func stream(_ id: Int64) -> ModelDisk.Stream? {
    guard disk.streams.indices.contains(Int(id) - 1) else { return nil }
    let stream = disk.streams[Int(id) - 1]
    return stream.isDeleted ? nil : stream
  }

  func isCached(_ request: ReadRequest) -> Bool {
    request.filter == nil && stream(request.stream) != nil && isCached()
  }

  func readCached(_ request: ReadRequest) -> ReadResult? {
    isCached(request) ? stream(request.stream).map { result(request, $0) } : nil
  }

  func read(
    _ requests: [ReadRequest], cancellation: CancellationToken,
    then: @escaping @Sendable ([Result<ReadResult, StoreError>]) -> Void
  ) {
    readCount += 1
    simulation.after(readMilliseconds) { [unowned self] in
      then(
        requests.prefix(simulation.draw(1...requests.count)).map { request in
          stream(request.stream).map { .success(result(request, $0)) } ?? .failure(Self.unknownStream)
        })
    }
  }

  private static var unknownStream: StoreError { StoreError(.unknownStream, "the stream was deleted") }

  private func result(_ request: ReadRequest, _ stream: ModelDisk.Stream) -> ReadResult {
    let last = min(request.to, stream.head)
    var pieces: [ReadResult.Piece] = []
    var (from, to) = (request.from, last)
    var byteCount = 0
    var countLeft = Int(clamping: request.countMax ?? .max)
    while from <= to, byteCount < request.byteCountMax, countLeft > 0,
      let place = stream.place(of: request.isReverse ? to : from)
    {
      let batch = stream.batches[place]
      let number = request.isReverse ? to : from
      var range = stream.stretch(around: number, in: from...to)
      if let removed = stream.removed[number] {
        pieces.append(.skip(range, removed.reason))
        if request.isReverse { to = range.lowerBound - 1 } else { from = range.upperBound + 1 }
        continue
      }
      range = range.clamped(to: batch.header.firstSequence...batch.header.lastSequence)
      if isLost(batch) {
        pieces.append(.skip(range, .lost))
      } else if let filter = request.filter {
        let (piece, covered) = filtered(batch, range, filter, request, stream, &countLeft)
        pieces.append(piece)
        range = covered
      } else if !request.isReverse, case .batches(var run)? = pieces.last {
        run.numbers = run.first...range.upperBound
        run.batches = ByteString(run.batches.array + batch.bytes.array)
        pieces[pieces.count - 1] = .batches(run)
      } else {
        pieces.append(.batches(Run(range, batch.bytes)))
      }
      byteCount += batch.bytes.count
      if request.isReverse { to = range.lowerBound - 1 } else { from = range.upperBound + 1 }
    }
    return ReadResult(pieces: pieces, next: request.isReverse ? to : from, head: stream.head)
  }

  private func filtered(
    _ batch: Batch, _ range: ClosedRange<UInt64>, _ filter: SharedFilter, _ request: ReadRequest,
    _ stream: ModelDisk.Stream, _ countLeft: inout Int
  ) -> (ReadResult.Piece, ClosedRange<UInt64>) {
    do {
      let outcome = try evaluator.evaluate(
        batch,
        FilterEvaluator.Request(
          filter: filter.filter, stream: stream.name, seed: stream.seed, numbers: range, countMax: countLeft,
          isReverse: request.isReverse))
      switch outcome {
      case .nothing: return (.skip(range, .filtered), range)
      case .everything:
        countLeft -= Int(batch.header.count)
        return (.batches(Run(range, batch.bytes)), range)
      case .part(let part, let count, let last):
        countLeft -= count
        let covered = request.isReverse ? last...range.upperBound : range.lowerBound...last
        return (.batches(Run(covered, part.bytes)), covered)
      case .undecided(let number, _):
        simulation.fail("a filter does not decide about entry \(number) of \(stream.name)")
        return (.skip(range, .lost), range)
      }
    } catch {
      simulation.fail("a filter fails in \(stream.name): \(error)")
      return (.skip(range, .lost), range)
    }
  }

  func findSequence(
    stream: Int64, atOrAfter time: Int64, cancellation: CancellationToken,
    then: @escaping @Sendable (Result<UInt64, StoreError>) -> Void
  ) {
    simulation.after(readMilliseconds) { [unowned self] in
      guard let stream = self.stream(stream) else { return then(.failure(Self.unknownStream)) }
      then(.success(times(stream).first { $0.time >= time }?.sequence ?? stream.head + 1))
    }
  }

  func findSequence(
    stream: Int64, atOrBefore time: Int64, in bounds: ClosedRange<UInt64>, cancellation: CancellationToken,
    then: @escaping @Sendable (Result<UInt64?, StoreError>) -> Void
  ) {
    simulation.after(readMilliseconds) { [unowned self] in
      guard let stream = self.stream(stream) else { return then(.failure(Self.unknownStream)) }
      let times = times(stream)
      then(.success(times.last { $0.time <= time && bounds.contains($0.sequence) }?.sequence))
    }
  }

  func findDictionary(
    stream: Int64, then: @escaping @Sendable (Result<StreamDictionary?, StoreError>) -> Void
  ) {
    dictionaryLookCount += 1
    // Without a draw, so that worlds without dictionaries stay what they are.
    simulation.at(simulation.milliseconds + UInt64(readMilliseconds.upperBound)) { [unowned self] in
      then(self.stream(stream) == nil ? .failure(Self.unknownStream) : .success(dictionary()))
    }
  }

  private func times(_ stream: ModelDisk.Stream) -> [(sequence: UInt64, time: Int64)] {
    var decoder = BatchDecoder()
    do {
      return try stream.batches.flatMap { batch in
        try decoder.effectiveTimes(of: batch).enumerated().map { (batch.header.firstSequence + UInt64($0), $1) }
      }.filter { stream.removed[$0.sequence] == nil }
    } catch {
      simulation.fail("a batch of \(stream.name) has no times: \(error)")
      return []
    }
  }
}
