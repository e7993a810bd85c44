internal import LogsStore
internal import LogsWire

/// How many entries a stream has of each severity, in each minute or in all.
struct EntryCounts {
  struct Key: Hashable {
    /// When the minute begins, in ns since 1970; 0 where minutes are not told apart.
    var minute: Int64
    var severity: UInt8
  }

  private var counts: [Key: UInt64] = [:]
  private let isByMinute: Bool

  private static let minute: Int64 = 60_000_000_000

  /// Counted by minute and severity, in that order.
  ///
  /// A block of an index counts as a whole if all of it is kept and of one minute; all other entries are looked at.
  static func groups(
    of stream: StreamInfo, byMinute isByMinute: Bool, _ source: EntrySource
  ) throws(SQLFailure) -> [(key: Key, count: UInt64)] {
    var counts = EntryCounts(isByMinute: isByMinute)
    var blocks: ArraySlice<StoreReader.CountedBlock>
    do throws(StoreError) { blocks = try source.store.countedBlocks(of: stream)[...] } catch {
      throw SQLFailure(error)
    }
    for kept in stream.keptRanges {
      var position = kept.lowerBound
      while position <= kept.upperBound {
        while let block = blocks.first, block.numbers.lowerBound < position || !counts.canCount(block) {
          blocks.removeFirst()
        }
        guard let block = blocks.first, block.numbers.upperBound <= kept.upperBound else {
          try counts.add(position...kept.upperBound, of: stream, source)
          break
        }
        if block.numbers.lowerBound > position {
          try counts.add(position...block.numbers.lowerBound - 1, of: stream, source)
        }
        for (severity, count) in block.counts { counts.add(count, severity, at: block.times.lowerBound) }
        position = block.numbers.upperBound + 1
      }
    }
    return counts.counts.sorted { ($0.key.minute, $0.key.severity) < ($1.key.minute, $1.key.severity) }
      .map { (key: $0.key, count: $0.value) }
  }

  private init(isByMinute: Bool) { self.isByMinute = isByMinute }

  private func canCount(_ block: StoreReader.CountedBlock) -> Bool {
    !isByMinute || Self.minute(of: block.times.lowerBound) == Self.minute(of: block.times.upperBound)
  }

  /// When the minute of a time begins.
  private static func minute(of time: Int64) -> Int64 {
    let rest = time % minute
    return time.subtractingReportingOverflow(rest < 0 ? rest + minute : rest).partialValue
  }

  private mutating func add(_ count: UInt64, _ severity: UInt8, at time: Int64) {
    counts[Key(minute: isByMinute ? Self.minute(of: time) : 0, severity: severity), default: 0] += count
  }

  /// Looks at entries.
  private mutating func add(
    _ numbers: ClosedRange<UInt64>, of stream: StreamInfo, _ source: EntrySource
  ) throws(SQLFailure) {
    var position = numbers.lowerBound
    while position <= numbers.upperBound {
      let result = try source.read(ReadRequest(stream: stream.id, from: position, to: numbers.upperBound))
      position = result.next
      for piece in result.pieces {
        switch piece {
        case .batches(let run):
          do throws(WireDecodingError) {
            for batch in try Batch.run(run.batches) { try add(BatchRows(batch, source.unpacker), numbers) }
          } catch {
            throw SQLFailure(error, stream.name)
          }
        case .skip(let lost, .lost): try source.note(lost: lost, of: stream)
        case .skip: break
        }
      }
      guard counts.count <= SQLLimits.countGroupCountMax else {
        throw SQLFailure(.limit, "'\(stream.name)' has entries in too many minutes for counts")
      }
    }
  }

  private mutating func add(_ entries: BatchRows, _ numbers: ClosedRange<UInt64>) throws(WireDecodingError) {
    for row in 0..<entries.count where numbers.contains(try entries.sequence(at: row)) {
      let time = isByMinute ? try entries.time(at: row) : 0
      add(1, try entries.severity(at: row), at: time)
    }
  }
}
