internal import LogsWire

/// Some of a stream's batches, whole and one after the other: what an index can rule out at once.
struct Block: Hashable, Sendable {
  var numbers: ClosedRange<UInt64>
  /// Effective times.
  var times: ClosedRange<Int64>
  /// Ascending by severity.
  var levels: [Level]

  /// How many entries have a severity.
  struct Level: Hashable, Sendable {
    var severity: UInt8
    var count: UInt64
  }

  var severities: UInt32 { levels.reduce(0) { $0 | 1 << UInt32($1.severity) } }
}

/// The blocks of one stream in one section, ascending, as a row has them.
struct BlockGroup: Hashable, Sendable {
  var numbers: ClosedRange<UInt64>
  var section: Int64
  /// Which block of the section the first one is; the others follow.
  var firstBlock: Int
  var times: ClosedRange<Int64>
  var severities: UInt32
  /// The blocks, as `pack` writes them.
  var packed: ByteString

  init(
    numbers: ClosedRange<UInt64>, section: Int64, firstBlock: Int, times: ClosedRange<Int64>, severities: UInt32,
    packed: ByteString
  ) {
    self.numbers = numbers
    self.section = section
    self.firstBlock = firstBlock
    self.times = times
    self.severities = severities
    self.packed = packed
  }

  /// - Parameter blocks: at least one.
  init(_ blocks: ArraySlice<Block>, section: Int64, firstBlock: Int) {
    var writer = ByteWriter(capacity: 32 * blocks.count)
    var (lower, upper) = (Int64.max, Int64.min)
    var severities: UInt32 = 0
    var (number, time) = (blocks[blocks.startIndex].numbers.lowerBound, Int64(0))
    let first = number
    for block in blocks {
      writer.append(varint: block.numbers.lowerBound - number)
      writer.append(varint: block.numbers.upperBound - block.numbers.lowerBound)
      writer.append(zigzag: block.times.lowerBound &- time)
      writer.append(varint: UInt64(bitPattern: block.times.upperBound &- block.times.lowerBound))
      writer.append(varint: UInt64(block.levels.count))
      for level in block.levels {
        writer.append(level.severity)
        writer.append(varint: level.count)
      }
      number = block.numbers.upperBound + 1
      time = block.times.lowerBound
      (lower, upper) = (min(lower, block.times.lowerBound), max(upper, block.times.upperBound))
      severities |= block.severities
    }
    self.init(
      numbers: first...number - 1, section: section, firstBlock: firstBlock, times: lower...upper,
      severities: severities, packed: writer.finish())
  }

  /// The blocks; nil if they contradict what the row says.
  func blocks() -> [Block]? {
    var blocks: [Block] = []
    let span = packed.span
    var reader = ByteReader(span)
    var (number, time) = (numbers.lowerBound, Int64(0))
    do throws(WireDecodingError) {
      while !reader.isAtEnd {
        let first = number.addingReportingOverflow(try reader.varint())
        let last = first.partialValue.addingReportingOverflow(try reader.varint())
        time = time &+ (try reader.zigzag())
        let end = time &+ Int64(bitPattern: try reader.varint())
        guard !first.overflow, !last.overflow, last.partialValue <= numbers.upperBound, end >= time else { return nil }
        var levels: [Block.Level] = []
        for _ in 0..<min(try reader.varint(), 32) {
          levels.append(Block.Level(severity: try reader.u8() & 31, count: try reader.varint()))
        }
        blocks.append(Block(numbers: first.partialValue...last.partialValue, times: time...end, levels: levels))
        number = last.partialValue + 1
      }
    } catch { return nil }
    return number - 1 == numbers.upperBound ? blocks : nil
  }
}

/// Some blocks of a section.
struct BlockSet: Hashable, Sendable {
  private var words: [UInt64] = []

  var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

  func contains(_ block: Int) -> Bool {
    block >> 6 < words.count && words[block >> 6] >> UInt64(block & 63) & 1 == 1
  }

  mutating func insert(_ block: Int) {
    while words.count <= block >> 6 { words.append(0) }
    words[block >> 6] |= 1 << UInt64(block & 63)
  }

  mutating func formUnion(_ other: BlockSet) {
    for (index, word) in other.words.enumerated() {
      if index < words.count { words[index] |= word } else { words.append(word) }
    }
  }

  func intersection(_ other: BlockSet) -> BlockSet {
    var set = BlockSet()
    set.words = zip(words, other.words).map { $0 & $1 }
    return set
  }
}
