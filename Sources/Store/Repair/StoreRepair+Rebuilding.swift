internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// Makes a segment anew of what is whole of it.
extension StoreRepair {
  /// A segment that was made anew, and where its file is until it gets its name.
  struct Rebuilt {
    var number: Int64
    /// The number in the name of the file that it was made of.
    var sourceNumber: Int64
    /// What it says of the streams before its first entry.
    var beginnings: [Int64: StreamBeginning]
    /// The last number of each stream.
    var heads: [Int64: UInt64]
    var entryCount: UInt64
  }

  /// What can be read of a damaged file besides its rows.
  private struct Remains {
    var beginnings: [Int64: StreamBeginning]?
    var incarnations: [Int64: Incarnation] = [:]
    var received: [Int64: Int64] = [:]
    var createdAt: Int64?
  }

  /// - Parameters:
  ///   - above: what the next segment says of the streams; nil if this is the newest.
  ///   - report: called with what is lost.
  mutating func rebuild(
    _ number: Int64, below above: [Int64: StreamBeginning]?, _ report: (Finding) -> Void
  ) throws(StoreError) -> Rebuilt {
    let source = misplaced[number] ?? number
    let journal = number == survey.newest ? try journalRows() : []
    for rows in journal { for stream in rows.streams { known.add(stream) } }
    let remains = remains(of: source)
    // What contradicts the next segment is wrong itself.
    let ends = ends(of: number - 1)?.filter { id, end in above.map { end < $0[id]?.next ?? 0 } ?? true }
    let target = try isDryRun ? nil : makeTarget(number, createdAt: remains.createdAt ?? SystemClock.wall())
    let salvage = SegmentSalvage(number, known, to: target) { id in
      let first = (ends?[id] ?? 0) + 1
      guard let above else { return first...UInt64(Limits.numberMax) }
      // A stream that the next segment does not know was created after this one.
      guard let end = above[id]?.next, end > first else { return 0...0 }
      return first...end - 1
    }
    do throws(SQLiteError) {
      try collect(source, journal, salvage)
    } catch {
      throw StoreError(error, while: "make")
    }
    let (streams, lost) = streams(number, remains, ends, above, salvage, report)
    for (id, numbers) in salvage.unproved.sorted(by: { $0.key < $1.key }) {
      let text = """
        \(numbers.ranges.map(RowCheck.words).joined(separator: ", ")) of a stream whose name and incarnation are lost \
        (its id is \(id)) cannot be saved
        """
      report(Finding(.lost, DirectorySurvey.name(number), text))
    }
    do throws(SQLiteError) { try target?.finish(streams, lost, salvage.neededDictionaries) } catch {
      throw StoreError(error, while: "make")
    }
    var made = Rebuilt(
      number: number, sourceNumber: source, beginnings: [:], heads: [:], entryCount: salvage.entryCount)
    for stream in streams {
      let id = stream.info.id
      made.beginnings[id] = StreamBeginning(
        next: stream.next, entryCount: stream.next - 1, byteCount: stream.byteCount)
      made.heads[id] = max(stream.next - 1, salvage.covered[id]?.last ?? 0)
    }
    return made
  }

  private func makeTarget(_ number: Int64, createdAt: Int64) throws(StoreError) -> RepairedSegment {
    let path = paths.segmentTemporary(number)
    try StoreError.of("make") { () throws(FileError) in
      _ = try files.makeDirectory(paths.segments)
      try files.remove(path)
      try files.make(path)
    }
    do throws(SQLiteError) {
      return try RepairedSegment(
        path,
        RepairedSegment.Heading(
          number: number, store: store, createdAt: createdAt, trimmedBelow: content.trimmedBelow,
          nextStreamID: nextStreamID))
    } catch {
      throw StoreError(error, while: "make")
    }
  }

  var nextStreamID: Int64 { max(content.nextStreamID, (known.streams.keys.max() ?? 0) + 1) }

  /// Puts what is whole into the new segment: what SQLite finds, what else lies in the file, what the journal has.
  private func collect(
    _ source: Int64, _ journal: [GroupRows], _ salvage: SegmentSalvage
  ) throws(SQLiteError) {
    PageScan.forEach(ofSegment: paths.segment(source), files) { scan in
      scan.forEachDictionary { dictionary, isOfRows in salvage.add(dictionary, isOfRows: isOfRows) }
    }
    do throws(SQLiteError) {
      let segment = try survey.open(source)
      for found in SegmentDictionaries.whole(in: segment.database) {
        salvage.add(found.dictionary, isOfRows: found.isOfRows)
      }
      try salvage.add(segment.database)
      try salvage.addMarks(segment.database)
    } catch {
      guard error.isLoss || error.isFailedOpen else { throw error }
    }
    try PageScan.forEach(ofSegment: paths.segment(source), files) { scan throws(SQLiteError) in try salvage.add(scan) }
    for rows in journal {
      for row in rows.rows { try salvage.add(stream: row.stream, row.producers, row.batches) }
    }
  }

  /// What the journal has. What is in the segment already is taken once.
  private func journalRows() throws(StoreError) -> [GroupRows] {
    let content: [UInt8]?
    do throws(FileError) { content = try JournalCheck.content(paths, files, anchor) } catch { content = nil }
    guard let content else { return [] }
    guard content.count > JournalFormat.headerByteCount, let header = journalHeader(content) else { return [] }
    return Self.records(in: content, header)
  }

  /// All whole records of a journal, in their order.
  static func records(in journal: [UInt8], _ header: JournalFormat.Header) -> [GroupRows] {
    let ring = unsafe journal.span.bytes.extracting(droppingFirst: JournalFormat.headerByteCount)
    var found: [(position: UInt64, rows: GroupRows)] = []
    for offset in stride(from: 0, to: ring.byteCount, by: header.blockByteCount) {
      guard let head = JournalFormat.recordHeader(of: ring.extracting(droppingFirst: offset)),
        head.byteCount <= ring.byteCount - offset,
        XXH3.hash(ring.extracting(offset + 8..<offset + head.byteCount), seed: header.seed) == head.check
      else { continue }
      do throws(WireDecodingError) {
        var reader = ByteReader(
          ring.extracting(
            offset + JournalFormat.recordHeaderByteCount..<offset + head.byteCount))
        found.append((head.position, try GroupRows(from: &reader)))
      } catch { continue }
    }
    return found.sorted { $0.position < $1.position }.map(\.rows)
  }

  /// What it says, or should say.
  private func journalHeader(_ content: [UInt8]) -> JournalFormat.Header? {
    do throws(JournalFormat.HeaderProblem) {
      let header = try JournalFormat.header(of: content, byteCount: content.count)
      return header.store == store ? header : nil
    } catch {
      guard let anchor else { return nil }
      return JournalFormat.Header(
        store: store, id: anchor.id, blockByteCount: Self.blockByteCountMin,
        ringByteCount: content.count - JournalFormat.headerByteCount)
    }
  }

  /// The smallest logical block of a device.
  private static let blockByteCountMin = 512

  private func remains(of source: Int64) -> Remains {
    var remains = Remains()
    do throws(SQLiteError) {
      let segment = try survey.open(source)
      remains.createdAt = try segment.database.integer("SELECT created FROM segment")
      var (incarnations, received) = ([Int64: Incarnation](), [Int64: Int64]())
      try SegmentWriter.forEachStream(in: segment.database) { stream, _ in
        incarnations[stream.id] = stream.incarnation
        received[stream.id] = stream.lastReceived
      }
      (remains.incarnations, remains.received) = (incarnations, received)
      remains.beginnings = try StreamBeginning.all(in: segment.database)
    } catch {
      // What is missing is made up from the segments around it.
      return remains
    }
    return remains
  }

  /// The last number of each stream in a segment or before it; nil if that cannot be read.
  private func ends(of number: Int64) -> [Int64: UInt64]? {
    guard number >= content.trimmedBelow, survey.numbers.contains(number) else { return nil }
    do throws(SQLiteError) {
      let segment = try survey.open(misplaced[number] ?? number)
      guard try SegmentWriter.identity(segment.database).number == number else { return nil }
      var ends = try StreamBeginning.all(in: segment.database).mapValues { $0.next - 1 }
      let rows = try segment.database.prepare("SELECT stream, max(first_seq + span - 1) FROM runs GROUP BY stream")
      while try rows.step() {
        let end = rows.bits(1)
        guard end < UInt64(Limits.numberMax) else { return nil }
        ends[rows.integer(0)] = max(ends[rows.integer(0)] ?? 0, end)
      }
      return ends
    } catch { return nil }
  }

  // MARK: streams

  private func streams(
    _ number: Int64, _ remains: Remains, _ ends: [Int64: UInt64]?, _ above: [Int64: StreamBeginning]?,
    _ salvage: SegmentSalvage, _ report: (Finding) -> Void
  ) -> (streams: [RepairedSegment.Stream], lost: LostRanges) {
    var lost = LostRanges()
    var streams: [RepairedSegment.Stream] = []
    var ids = Set(remains.beginnings.map { Array($0.keys) } ?? [])
    ids.formUnion(ends.map { Array($0.keys) } ?? [])
    ids.formUnion(salvage.covered.keys)
    if let above { ids.formUnion(above.filter { $0.value.next > 1 }.keys) }
    for id in ids.sorted() {
      guard let stream = known[id], above == nil || above?[id] != nil else { continue }
      let covered = salvage.covered[id] ?? NumberRanges()
      let own = remains.beginnings?[id]
      let next = Self.beginning(
        number, own: own, end: ends.map { $0[id] ?? 0 }, first: covered.first, above: above?[id]?.next)
      if let end = above?[id].map({ $0.next - 1 }) ?? covered.last, end >= next {
        for missing in covered.missing(from: next...end) {
          for part in stream.info.removals.kept(of: missing) {
            lost.add(part, id)
            report(
              Finding(
                .lost, DirectorySurvey.name(number), stream: stream.info.name, numbers: part,
                "\(RowCheck.words(part)) of '\(stream.info.name)' cannot be saved"))
          }
        }
      }
      var info = stream.info
      info.incarnation =
        remains.incarnations[id].flatMap { stream.incarnations.contains($0) ? $0 : nil }
        ?? info.incarnation
      let used = salvage.incarnations[id] ?? []
      streams.append(
        RepairedSegment.Stream(
          info: info, next: next, byteCount: own?.byteCount ?? above?[id]?.byteCount ?? 0,
          received: remains.received[id] ?? 0,
          formerIncarnations: used.filter { $0 != info.incarnation }.sorted { $0.value < $1.value }))
    }
    return (streams, lost)
  }

  /// Where a stream begins in a segment.
  ///
  /// - Parameters:
  ///   - own: what the segment says; as many entries were stored before as there are numbers.
  ///   - end: the last number before, by the segment before.
  ///   - first: the first number that was saved.
  ///   - above: where it begins in the next segment.
  private static func beginning(
    _ number: Int64, own: StreamBeginning?, end: UInt64?, first: UInt64?, above: UInt64?
  ) -> UInt64 {
    if number == 1 { return 1 }
    let most = min(first ?? .max, above ?? .max)
    if let own, own.next == own.entryCount + 1, own.next <= most, own.next > end ?? 0 { return own.next }
    if let end { return end + 1 }
    return most == .max ? own?.next ?? 1 : most
  }
}
