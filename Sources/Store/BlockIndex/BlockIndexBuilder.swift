internal import LogsWire

/// Makes the index of a segment (`spec/storage.md`, 3.7 and 3.8) from its batches, which come stream by stream in
/// ascending order.
///
/// A *block* is at least 1,000 entries of one stream, whole batches. A *section* is up to 1,024 blocks with a
/// dictionary of their tokens. So what is held in memory does not grow with the segment.
struct BlockIndexBuilder {
  /// A finished section.
  struct Section {
    /// Of one stream each, without a gap: a group that is ruled out says nothing of numbers that no block has.
    var groups: [(stream: Int64, group: BlockGroup)]
    var pages: [TokenTable.Page]
  }

  static let blockEntryCount = 1_000
  static let sectionBlockCount = 1_024
  /// A section ends sooner when its tokens take this much.
  private static let sectionTokenByteCount = 4 << 20

  private let evaluator = FilterEvaluator()
  private var sectionCount: Int64 = 0
  private var table = TokenTable()
  /// The section's blocks so far; the last one may go on.
  private var blocks: [Block] = []
  private var streams: [Int64] = []
  private var entryCount = 0
  /// Of the tokens of a message, kept for the next.
  private var bounds: [UInt32] = []

  /// Adds a numbered batch.
  ///
  /// - Returns: a section that is complete.
  mutating func add(_ batch: Batch, of stream: Int64) throws(FilterFailure) -> Section? {
    let header = batch.header
    let numbers = header.firstSequence...header.lastSequence
    let contents = try evaluator.contents(of: batch)
    var finished: Section?
    if let last = blocks.last, streams.last == stream, entryCount < Self.blockEntryCount,
      last.numbers.upperBound + 1 == numbers.lowerBound
    {
      var block = last
      block.numbers = last.numbers.lowerBound...numbers.upperBound
      let times = header.effectiveTimes
      block.times = min(last.times.lowerBound, times.lowerBound)...max(last.times.upperBound, times.upperBound)
      block.add(contents.severities)
      blocks[blocks.count - 1] = block
    } else {
      if !blocks.isEmpty { table.endBlock() }
      if blocks.count == Self.sectionBlockCount || table.byteCount > Self.sectionTokenByteCount { finished = finish() }
      var block = Block(numbers: numbers, times: header.effectiveTimes, levels: [])
      block.add(contents.severities)
      blocks.append(block)
      streams.append(stream)
      entryCount = 0
    }
    entryCount += Int(header.count)
    note(contents.text, contents.rows)
    return finished
  }

  private mutating func note(_ text: ByteString, _ rows: [Range<Int>]) {
    let longest = rows.reduce(0) { max($0, $1.count) }
    if bounds.count <= longest { bounds = Array(repeating: 0, count: longest + 1) }
    unsafe text.withUnsafeBytes { bytes in
      unsafe bounds.withUnsafeMutableBufferPointer { bounds in
        for row in rows {
          let row = unsafe UnsafeRawBufferPointer(rebasing: bytes[row])
          let count = unsafe LiteralSearch.words(in: row, bounds)
          unsafe table.note(row, UnsafeBufferPointer(rebasing: bounds[..<count]))
        }
      }
    }
  }

  /// Whether a block goes on where the one before it ends.
  private func goesOn(at index: Int) -> Bool {
    streams[index] == streams[index - 1] && blocks[index].numbers.lowerBound == blocks[index - 1].numbers.upperBound + 1
  }

  /// What is left, if anything.
  mutating func finish() -> Section? {
    guard !blocks.isEmpty else { return nil }
    if table.endedBlockCount < blocks.count { table.endBlock() }
    // What nearly every block has rules out nothing.
    let pages = table.pages(commonCount: blocks.count > 3 ? blocks.count / 2 : .max)
    var groups: [(stream: Int64, group: BlockGroup)] = []
    var start = 0
    for end in 1...blocks.count where end == blocks.count || !goesOn(at: end) {
      groups.append((streams[start], BlockGroup(blocks[start..<end], section: sectionCount, firstBlock: start)))
      start = end
    }
    table = TokenTable()
    blocks = []
    streams = []
    sectionCount += 1
    return Section(groups: groups, pages: pages)
  }
}

extension Block {
  /// - Parameter severities: of further entries.
  fileprivate mutating func add(_ severities: [UInt8]) {
    var counts = [UInt64](repeating: 0, count: 32)
    for level in levels { counts[Int(level.severity)] = level.count }
    for severity in severities { counts[Int(severity & 31)] += 1 }
    levels = counts.enumerated().filter { $1 > 0 }.map { Level(severity: UInt8($0), count: $1) }
  }
}
