internal import LogsWire

/// Makes the index of a segment's text (`spec/storage.md`, section 6) from its batches, which come stream by stream in
/// ascending order.
///
/// A *block* is some 4,000 entries of one stream, of which a filter tells the tokens. A *section* is up to 256 blocks
/// with a dictionary of their tokens. So what is held in memory does not grow with the segment.
struct TextIndexBuilder {
  /// A finished section.
  struct Section {
    var blocks: [Block]
    /// Ascending by what they begin with.
    var pages: [Page]
  }

  struct Block {
    var stream: Int64
    var numbers: ClosedRange<UInt64>
    var filter: TokenFilter
  }

  /// Tokens from `first` on, all before `end`; an empty `end` is the end of the dictionary.
  struct Page {
    var first: [UInt8]
    var end: [UInt8]
    var tokens: ByteString
  }

  private struct Draft {
    var stream: Int64
    var numbers: ClosedRange<UInt64>
    var entryCount: Int
    var tokens: [UInt32] = []
  }

  static let blockEntryCount = 4_000
  static let sectionBlockCount = 256
  /// A section ends sooner when its tokens take this much.
  private static let sectionTokenByteCount = 16 << 20

  private let evaluator = FilterEvaluator()
  private var table = TokenTable()
  private var drafts: [Draft] = []

  /// Adds a numbered batch.
  ///
  /// - Returns: a section that is complete.
  mutating func add(_ batch: Batch, of stream: Int64) throws(FilterFailure) -> Section? {
    let numbers = batch.header.firstSequence...batch.header.lastSequence
    let (text, rows) = try evaluator.messages(of: batch)
    var finished: Section?
    if let last = drafts.last, last.stream == stream, last.entryCount < Self.blockEntryCount,
      last.numbers.upperBound + 1 == numbers.lowerBound
    {
      drafts[drafts.count - 1].numbers = last.numbers.lowerBound...numbers.upperBound
    } else {
      if drafts.count == Self.sectionBlockCount || table.byteCount > Self.sectionTokenByteCount { finished = finish() }
      drafts.append(Draft(stream: stream, numbers: numbers, entryCount: 0))
    }
    let block = drafts.count - 1
    drafts[block].entryCount += Int(batch.header.count)
    note(text, rows, in: block)
    return finished
  }

  private mutating func note(_ text: ByteString, _ rows: [Range<Int>], in block: Int) {
    var draft = drafts[block]
    drafts[block].tokens = []
    unsafe text.withUnsafeBytes { bytes in
      unsafe Tokens.classes.withUnsafeBufferPointer { classes in
        for row in rows {
          var offset = row.lowerBound
          while offset < row.upperBound {
            guard unsafe classes[Int(bytes[offset])] else {
              offset += 1
              continue
            }
            let start = offset
            while offset < row.upperBound, unsafe classes[Int(bytes[offset])] { offset += 1 }
            var piece = start
            while true {
              let end = min(piece + Tokens.byteCountMax, offset)
              let part = unsafe UnsafeRawBufferPointer(rebasing: bytes[piece..<end])
              let token = unsafe part.assumingMemoryBound(to: UInt8.self)
              if let number = unsafe table.note(token, in: UInt32(block)) { draft.tokens.append(number) }
              guard end < offset else { break }
              piece = min(piece + Tokens.stride, offset - Tokens.byteCountMax)
            }
          }
        }
      }
    }
    drafts[block] = draft
  }

  /// What is left, if anything.
  mutating func finish() -> Section? {
    guard !drafts.isEmpty else { return nil }
    // A token of nearly every block rules out nothing, and would take a place in each filter.
    let commonCount = drafts.count > 3 ? drafts.count / 2 : .max
    let isCommon = table.blockCounts.map { Int($0) > commonCount }
    let blocks = drafts.map { draft in
      Block(
        stream: draft.stream, numbers: draft.numbers,
        filter: TokenFilter(of: draft.tokens.filter { !isCommon[Int($0)] }.map { table.hashes[Int($0)] }))
    }
    var entries = (0..<table.count).map { TokenPage.Entry(token: table.token($0), isCommon: isCommon[$0]) }
    entries.sort { $0.token.lexicographicallyPrecedes($1.token) }
    let section = Section(blocks: blocks, pages: Self.pages(of: entries))
    table = TokenTable()
    drafts = []
    return section
  }

  private static func pages(of entries: [TokenPage.Entry]) -> [Page] {
    var pages: [Page] = []
    var start = 0
    while start < entries.count {
      var byteCount = 0
      var end = start
      while end < entries.count, byteCount < TokenPage.byteCountMax {
        byteCount += entries[end].token.count + 2
        end += 1
      }
      pages.append(
        Page(
          first: pages.isEmpty ? [] : entries[start].token, end: end < entries.count ? entries[end].token : [],
          tokens: TokenPage.write(entries[start..<end])))
      start = end
    }
    return pages
  }
}
