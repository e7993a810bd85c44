internal import LogsDisk
internal import LogsWire

/// Checks the rows of a segment: each batch, that rows say what their batches do, and that every number is there once.
struct RowCheck {
  private let segment: SegmentCheck
  private let lost: LostRanges
  private let file: String
  private var signers: [Int64: BatchSigner] = [:]
  /// Whether rows need the segment's dictionary.
  private(set) var needsDictionary = false
  private var ranges: [Int64: [(numbers: ClosedRange<UInt64>, entryCount: UInt64)]] = [:]

  init(_ segment: SegmentCheck, _ lost: LostRanges) {
    self.segment = segment
    self.lost = lost
    file = DirectorySurvey.name(segment.number)
  }

  mutating func run(
    _ database: borrowing Database, _ marks: inout MarkCheck, _ result: inout SegmentCheck.Result
  ) throws(SQLiteError) {
    let incarnations = try IncarnationTable(database)
    let dictionaries = try SegmentDictionaries(database)
    let unpacker = RowUnpacker(dictionaries)
    var findings: [Finding] = []
    let file = file
    try RowScan(database).run(database) { statement throws(SQLiteError) in
      let id = statement.integer(RowScan.idColumn)
      let row: SegmentRow
      do throws(SQLiteError) { row = try SegmentRow(statement, unpacker) } catch {
        findings.append(Finding(.damage, file, "row \(id) of runs cannot be read: \(error.text)"))
        return
      }
      try check(row, id, dictionaries, incarnations, &marks, &findings, &result)
    } unreadable: { ids, error in
      findings.append(
        Finding(
          .damage, file, "rows \(ids.lowerBound) to \(ids.upperBound) of runs cannot be read: \(error.text)"))
    }
    needsDictionary = unpacker.hasUsedDictionary
    checkNumbers(result.beginnings, &findings)
    for (stream, ranges) in ranges { result.ends[stream] = ranges.map(\.numbers.upperBound).max() }
    result.findings += findings
  }

  private mutating func check(
    _ row: SegmentRow, _ id: Int64, _ dictionaries: SegmentDictionaries?, _ incarnations: IncarnationTable,
    _ marks: inout MarkCheck, _ findings: inout [Finding], _ result: inout SegmentCheck.Result
  ) throws(SQLiteError) {
    guard let stream = segment.content.streams[row.stream] else {
      // One that was deleted; what its batches were signed for is not known any more.
      if !(1..<max(segment.content.nextStreamID, 2)).contains(row.stream) {
        findings.append(Finding(.damage, file, "row \(id) is of a stream \(row.stream) that there has never been"))
      }
      return
    }
    ranges[row.stream, default: []].append((row.numbers, UInt64(clamping: row.entryCount)))
    var signer = signers[row.stream] ?? BatchSigner(stream)
    let dictionary = try dictionaries?.dictionary(of: row.stream)
    let parts = try signer.parts(of: Run(row.numbers, row.batches, dictionary)) { () throws(SQLiteError) in
      incarnations[row.stream]
    }
    signers[row.stream] = signer
    var (isWhole, count) = (true, Int64(0))
    var problem: String?
    for part in parts {
      switch part {
      case .damaged(let numbers):
        isWhole = false
        findings.append(
          Finding(
            .damage, file, stream: stream.name, numbers: numbers,
            "\(Self.words(numbers)) of '\(stream.name)' do not pass their check"))
      case .batch(let run):
        guard let header = Self.header(run) else { continue }
        result.batchCount += 1
        result.entryCount += UInt64(header.count)
        count += Int64(header.count)
        let times = header.effectiveTimes
        if times.lowerBound < row.minTime || times.upperBound > row.maxTime { problem = "times" }
        if Int64(header.severities) & ~row.severities != 0 { problem = "severities" }
        if !row.producers.isEmpty { marks.note(header, row.stream) }
      }
    }
    if isWhole, count != row.entryCount { problem = "number of entries" }
    if let problem {
      findings.append(
        Finding(
          .damage, file, stream: stream.name, numbers: row.numbers,
          "row \(id) has another \(problem) than its batches, \(Self.words(row.numbers)) of '\(stream.name)'"))
    }
  }

  private static func header(_ run: Run) -> BatchHeader? {
    do throws(WireDecodingError) { return try BatchHeader(decoding: run.batches.span) } catch { return nil }
  }

  static func words(_ numbers: ClosedRange<UInt64>) -> String {
    numbers.size == 1 ? "number \(numbers.lowerBound)" : "numbers \(numbers.lowerBound) to \(numbers.upperBound)"
  }

  // MARK: numbers

  /// Every number from the segment's first to its last is in one row, or was removed, or given up.
  private mutating func checkNumbers(_ beginnings: [Int64: StreamBeginning]?, _ findings: inout [Finding]) {
    guard let beginnings else { return }
    let ids = Set(ranges.keys).union(segment.above.map { Set($0.keys) } ?? []).sorted()
    for id in ids {
      guard let stream = segment.content.streams[id] else { continue }
      let rows = (ranges[id] ?? []).sorted { $0.numbers.lowerBound < $1.numbers.lowerBound }
      guard let beginning = beginnings[id] else {
        if !rows.isEmpty || (segment.above?[id]?.next ?? 1) > 1 {
          findings.append(
            Finding(.damage, file, stream: stream.name, "its table of streams lacks '\(stream.name)'"))
        }
        continue
      }
      var next = beginning.next
      var hasGap = false
      for row in rows {
        if row.numbers.lowerBound < next {
          let end = min(next - 1, row.numbers.upperBound)
          let numbers = row.numbers.lowerBound...max(end, row.numbers.lowerBound)
          findings.append(
            Finding(
              .damage, file, stream: stream.name, numbers: numbers,
              next == beginning.next
                ? "\(Self.words(numbers)) of '\(stream.name)' belong to an earlier segment"
                : "\(Self.words(numbers)) of '\(stream.name)' are there twice"))
        } else if row.numbers.lowerBound > next {
          hasGap = true
          noteGap(next...row.numbers.lowerBound - 1, stream, &findings)
        }
        next = max(next, row.numbers.upperBound + 1)
      }
      guard let above = segment.above?[id] else { continue }
      if above.next > next {
        hasGap = true
        noteGap(next...above.next - 1, stream, &findings)
      } else if above.next < next {
        let numbers = max(above.next, 1)...next - 1
        findings.append(
          Finding(
            .damage, file, stream: stream.name, numbers: numbers,
            "\(Self.words(numbers)) of '\(stream.name)' are in this segment and belong to the next"))
      }
      let count = rows.reduce(0) { $0 + $1.entryCount }
      // Rows that were rewritten have fewer entries than were stored.
      let isRewritten =
        hasGap || rows.contains { stream.removals.count(in: $0.numbers) > 0 || $0.entryCount < $0.numbers.size }
      let stored = above.entryCount &- beginning.entryCount
      if count > stored || (count < stored && !isRewritten && stream.removals.isEmpty) {
        findings.append(
          Finding(
            .damage, file, stream: stream.name,
            "it holds \(count) entries of '\(stream.name)', and the next segment counts \(Int64(bitPattern: stored))"))
      }
    }
  }

  private func noteGap(_ gap: ClosedRange<UInt64>, _ stream: StreamInfo, _ findings: inout [Finding]) {
    for kept in stream.removals.kept(of: gap) {
      for part in lost.parts(of: kept, stream.id) {
        findings.append(
          part.isKnown
            ? Finding(
              .lost, file, stream: stream.name, numbers: part.numbers,
              "\(Self.words(part.numbers)) of '\(stream.name)' were lost before a repair")
            : Finding(
              .damage, file, stream: stream.name, numbers: part.numbers,
              "\(Self.words(part.numbers)) of '\(stream.name)' are not there"))
      }
    }
  }
}

/// The incarnations that batches of a segment may have been signed under.
struct IncarnationTable {
  private var former: [Int64: [Incarnation]] = [:]

  init(_ database: borrowing Database) throws(SQLiteError) {
    for table in ["SELECT id, incarnation FROM streams", "SELECT stream, incarnation FROM former_incarnations"] {
      let statement = try database.prepare(table)
      while try statement.step() { former[statement.integer(0), default: []].append(Incarnation(statement.bits(1))) }
    }
  }

  subscript(stream: Int64) -> [Incarnation] { former[stream] ?? [] }
}
