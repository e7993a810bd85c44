internal import LogsDisk
internal import LogsSystem
internal import LogsWire
internal import Synchronization

/// The entries of a data directory, as another process than its server reads them, also while that writes.
///
/// It knows the streams as they were when it was made: what is appended later is not seen, and what is removed later is
/// gone. Nothing is written. Reads take snapshots of segments that last milliseconds, so that none pins a WAL.
package final class StoreReader: Sendable {
  /// Those that exist, in the order of their names.
  package let streams: [StreamInfo]
  /// Why what was acknowledged last when it was made is not read, and what to do; nil if everything is.
  package let unseen: String?
  private let view: StoreView
  private let paths: StorePaths
  private let catalog = Catalog()
  private let newest: Int64
  private let trimmedBelow: Int64
  private let damage = DamageNotes()
  private let reader: Mutex<Reader>

  /// What was found damaged, in lines for people.
  private final class DamageNotes: Sendable {
    private let found = Mutex<(lines: [String], losses: [Reader.Loss])>(([], []))

    func add(_ line: String) { found.withLock { $0.lines.append(line) } }
    func add(_ loss: Reader.Loss) { found.withLock { $0.losses.append(loss) } }
    func clear() { found.withLock { $0 = ([], []) } }

    /// Why numbers are lost; nil if that was not found out.
    func reason(_ stream: Int64, _ numbers: ClosedRange<UInt64>) -> String? {
      found.withLock { found in
        var texts: [String] = []
        for loss in found.losses where loss.stream == stream && numbers.contains(loss.position) {
          if !texts.contains(loss.text) { texts.append(loss.text) }
        }
        return texts.isEmpty ? found.lines.last : texts.joined(separator: "; ")
      }
    }
  }

  /// - Throws: `notAStore` if there is no store, or one of a newer version.
  package init(directory: String) throws(StoreError) {
    view = try StoreView(directory: directory)
    paths = StorePaths(directory: directory)
    unseen = try view.awaitJournal() ? nil : try Self.unseen(view, paths)
    let content = try Self.content(of: paths, view)
    (newest, trimmedBelow) = (content.newest, content.trimmedBelow)
    streams = content.streams.sorted { $0.name < $1.name }
    catalog.publish(content.streams)
    reader = Mutex(try Self.reader(of: paths, view, content, catalog, damage))
  }

  private static func unseen(_ view: StoreView, _ paths: StorePaths) throws(StoreError) -> String {
    if try view.isInUse() {
      return """
        what was acknowledged last is in \(paths.journal) and not seen here: the server cannot put it into its segment \
        for now, as on a full disk; its log says why
        """
    }
    return """
      what was acknowledged in the last moments before a crash is in \(paths.journal) and not seen here: start the \
      server once
      """
  }

  /// Reads one range, as far as bytes and time allow.
  ///
  /// A server may be sealing a segment, and take away what a connection was about to look into. So what fails, or is
  /// lost, is read once more with new connections.
  package func read(
    _ request: ReadRequest, isCancelled: @escaping () -> Bool = { false }
  ) throws(StoreError) -> ReadResult {
    let first = attempt(request, isCancelled)
    switch first {
    case .success(let result) where !result.hasLoss: return result
    case .failure(let error) where ![.inputOutput, .damaged, .busy].contains(error.code): throw error
    case .success, .failure: break
    }
    damage.clear()
    let content = Content(streams: streams, newest: newest, trimmedBelow: trimmedBelow)
    let again = try Self.reader(of: paths, view, content, catalog, damage)
    reader.withLock { $0 = again }
    return try attempt(request, isCancelled).get()
  }

  private func attempt(
    _ request: ReadRequest, _ isCancelled: @escaping () -> Bool
  ) -> Result<ReadResult, StoreError> {
    let results = reader.withLock { $0 }.read([request], isCancelled: isCancelled, while: { false })
    guard let result = results.first else { preconditionFailure("the first range is always read") }
    return result
  }

  /// Why a range that a read has called lost is gone, in words; nil if it was removed since the reader was made: then
  /// nothing is wrong.
  package func loss(of numbers: ClosedRange<UInt64>, of stream: StreamInfo) throws(StoreError) -> String? {
    let now = try Self.content(of: paths, view).streams.first { $0.id == stream.id }
    guard let now, now.keptRanges.contains(where: { $0.overlaps(numbers) }) else { return nil }
    let reason = damage.reason(stream.id, numbers).map { ": \($0)" } ?? ""
    return """
      numbers \(numbers.lowerBound) to \(numbers.upperBound) of '\(stream.name)' are lost\(reason); see logsd check \
      \(paths.directory)
      """
  }

  /// Entries of one stream that an index has counted.
  package struct CountedBlock: Sendable {
    package var numbers: ClosedRange<UInt64>
    /// Effective times.
    package var times: ClosedRange<Int64>
    package var counts: [(severity: UInt8, count: UInt64)]
  }

  /// What the indexes of sealed segments have counted of a stream, ascending. It may include entries that were removed
  /// or damaged since.
  package func countedBlocks(of stream: StreamInfo) throws(StoreError) -> [CountedBlock] {
    let reader = reader.withLock { $0 }
    let lease = ConnectionLease(reader.pool, timeMax: reader.readTimeMax)
    defer { lease.end() }
    var counted: [CountedBlock] = []
    for segment in reader.segments.current.segments where segment.state == .sealed {
      do throws(SQLiteError) {
        let groups = try lease.read(segment) { connection throws(SQLiteError) in
          try connection.blockIndex?.groups(of: stream.id) ?? []
        }
        for block in groups.lazy.compactMap({ $0.blocks() }).joined()
        where block.numbers.lowerBound > counted.last?.numbers.upperBound ?? 0 {
          counted.append(
            CountedBlock(
              numbers: block.numbers, times: block.times, counts: block.levels.map { ($0.severity, $0.count) }))
        }
      } catch {
        // The index only saves work: a read of the entries meets the damage again.
        guard reader.isLoss(error, of: segment) else { throw StoreError(error, while: "read") }
      }
    }
    return counted
  }

  // MARK: what is there

  private struct Content {
    var streams: [StreamInfo]
    var newest: Int64
    var trimmedBelow: Int64
  }

  private static func content(of paths: StorePaths, _ view: StoreView) throws(StoreError) -> Content {
    let store = try view.file().id
    let (newest, found) = try view.inNewest { number throws(SQLiteError) in
      (number, number > 0 ? try Self.content(of: paths.segment(number)) : nil)
    }
    guard let (streams, identity) = found else { return Content(streams: [], newest: 0, trimmedBelow: 1) }
    let path = paths.segment(newest)
    guard identity.number == newest, identity.store == store.bytes else {
      throw StoreError(
        .notAStore, "\(path) is not segment \(newest) of store \(store); restore the whole data directory")
    }
    guard identity.format <= SegmentSchema.format else { throw .newer(path, format: identity.format) }
    guard (1...newest).contains(identity.trimmedBelow) else {
      throw StoreError(.damaged, "\(path) is damaged: trimmed_below is \(identity.trimmedBelow)")
    }
    var content = Content(streams: streams, newest: newest, trimmedBelow: identity.trimmedBelow)
    if identity.trimmedBelow > 1 { try setFirsts(&content, paths) }
    return content
  }

  private static func reader(
    of paths: StorePaths, _ view: StoreView, _ content: Content, _ catalog: Catalog, _ damage: DamageNotes
  ) throws(StoreError) -> Reader {
    var configuration = StoreConfiguration(directory: paths.directory)
    // What the server has in memory is here in the segments.
    configuration.tailCacheByteCountMax = 0
    var listing = SegmentListing(segments: [], trimmedBelow: content.trimmedBelow)
    let unsealed = Set(try view.unsealedSegments(through: content.newest))
    for number in content.trimmedBelow..<max(content.newest, content.trimmedBelow) {
      let path = paths.segment(number)
      do throws(FileError) {
        guard try configuration.fileSystem.byteCount(path) != nil else { continue }
      } catch {
        throw StoreError(error, while: "look at", advice: StoreView.advice)
      }
      let isSealed = !unsealed.contains(number)
      if isSealed { try configuration.fileSystem.requireKnownFormat(ofSegment: path) }
      listing.segments.append(Segment(number: number, path: path, state: isSealed ? .sealed : .closing))
    }
    if content.newest > 0 {
      listing.segments.append(
        Segment(number: content.newest, path: paths.segment(content.newest), state: .active))
    }
    return Reader(
      catalog: catalog, segments: SegmentList(listing), pool: ConnectionPool(configuration),
      tail: TailCache(configuration), files: configuration.fileSystem, readTimeMax: configuration.readTimeMax,
      damaged: { _ in }, log: { damage.add($0.text) }, lost: { damage.add($0) })
  }

  /// The streams by the newest segment, and what it says of itself, in one snapshot.
  private static func content(
    of newest: String
  ) throws(SQLiteError) -> (streams: [StreamInfo], identity: SegmentWriter.Identity) {
    let database = try Database(newest, mode: .readOnly, vfs: nil)
    database.setBusyTimeout(StoreView.busyTimeout)
    try database.require(applicationID: SegmentSchema.applicationID, kind: "segment")
    try database.execute("PRAGMA query_only=1; BEGIN")
    let identity = try SegmentWriter.identity(database)
    // Of a newer version nothing is known.
    guard identity.format <= SegmentSchema.format else { return ([], identity) }
    var removals = try SegmentWriter.removals(in: database, format: identity.format)
    var streams: [Int64: StreamInfo] = [:]
    try SegmentWriter.forEachStream(in: database) { stream, isDeleted in
      guard !isDeleted else { return }
      streams[stream.id] = stream
      streams[stream.id]?.removals = removals.removeValue(forKey: stream.id) ?? Removals()
    }
    try SegmentWriter.forEachRun(in: database) { run in
      streams[run.stream]?.head = run.numbers.upperBound
      streams[run.stream]?.entryCount += run.entryCount
      streams[run.stream]?.storedByteCount += run.byteCount
      streams[run.stream]?.lastReceived = run.received
    }
    try database.execute("COMMIT")
    return (streams.values.sorted { $0.id < $1.id }, identity)
  }

  /// Has the streams begin where they do in the oldest segment that is kept.
  private static func setFirsts(_ content: inout Content, _ paths: StorePaths) throws(StoreError) {
    // Sealed or not, it is read with its locks.
    let oldest = Segment(
      number: content.trimmedBelow, path: paths.segment(content.trimmedBelow), state: .active)
    do throws(SQLiteError) {
      let beginnings = try ReaderConnection(oldest, vfs: nil).beginnings()
      for index in content.streams.indices {
        content.streams[index].begin(at: beginnings[content.streams[index].id])
      }
    } catch {
      // What cannot be read of it is lost, whatever was stored before it.
      guard error.isLoss || error.isFailedOpen, oldest.number < content.newest else {
        throw StoreError(error, while: "read")
      }
    }
  }
}

extension ReadResult {
  fileprivate var hasLoss: Bool {
    pieces.contains { piece in
      if case .skip(_, .lost) = piece { true } else { false }
    }
  }
}
