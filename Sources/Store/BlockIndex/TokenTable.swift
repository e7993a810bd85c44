internal import LogsWire

/// The distinct tokens of a section in the making, numbered in the order in which they come, and the blocks that have
/// them.
struct TokenTable {
  /// The tokens end to end.
  private var text: [UInt8] = []
  /// One more, for the end of the last.
  private var tokens = [Token(start: 0, lastBlock: 0, blockCount: 0)]
  /// The upper half of a token's hash, then its number plus one, at the place given by its hash or the next free one; 0
  /// where there is none.
  private var places = [UInt64](repeating: 0, count: 1 << 12)
  /// The tokens of each block.
  private var pairs: [UInt32] = []
  private var pairEnds: [Int] = []
  /// Secret, so that nobody can write lines whose tokens meet in one place.
  private let seed = (UInt64.random(in: 0...UInt64.max), UInt64.random(in: 0...UInt64.max))

  /// Small, since it is looked up for each token of each line.
  private struct Token {
    var start: UInt32
    /// The last block in which it was seen, plus one.
    var lastBlock: UInt16
    /// In how many blocks.
    var blockCount: UInt16
  }

  private static let hashMask: UInt64 = 0xffff_ffff_0000_0000

  var byteCount: Int { text.count }
  private var count: Int { tokens.count - 1 }

  /// The blocks whose tokens are all noted.
  var endedBlockCount: Int { pairEnds.count }

  /// Notes a token of the current block, of 1 to `Tokens.byteCountMax` bytes.
  mutating func note(_ token: UnsafeRawBufferPointer) {
    let block = UInt16(pairEnds.count + 1)
    let hash = unsafe self.hash(token)
    let mark = hash & Self.hashMask
    var place = Int(truncatingIfNeeded: hash) & (places.count - 1)
    while true {
      let found = places[place]
      if found == 0 { break }
      if found & Self.hashMask == mark {
        let number = Int(UInt32(truncatingIfNeeded: found)) - 1
        if unsafe isToken(number, token) { return add(block, to: number) }
      }
      place = (place + 1) & (places.count - 1)
    }
    let number = count
    places[place] = mark | UInt64(number + 1)
    unsafe text.append(contentsOf: token)
    tokens[number].lastBlock = block
    tokens[number].blockCount = 1
    tokens.append(Token(start: UInt32(text.count), lastBlock: 0, blockCount: 0))
    pairs.append(UInt32(number))
    if 2 * count > places.count { grow() }
  }

  private mutating func add(_ block: UInt16, to number: Int) {
    guard tokens[number].lastBlock != block else { return }
    tokens[number].lastBlock = block
    tokens[number].blockCount += 1
    pairs.append(UInt32(number))
  }

  private func isToken(_ number: Int, _ token: UnsafeRawBufferPointer) -> Bool {
    let (range, count) = (range(number), token.count)
    guard range.count == count else { return false }
    let known = unsafe text.span.bytes.extracting(range)
    var offset = 0
    while offset + 8 <= count {
      guard
        unsafe known.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
          == token.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      else { return false }
      offset += 8
    }
    while offset < count {
      guard unsafe known.unsafeLoad(fromByteOffset: offset, as: UInt8.self) == token[offset] else { return false }
      offset += 1
    }
    return true
  }

  /// The next token is of another block.
  mutating func endBlock() { pairEnds.append(pairs.count) }

  private mutating func grow() {
    places = [UInt64](repeating: 0, count: 2 * places.count)
    unsafe text.withUnsafeBytes { text in
      for number in 0..<count {
        let hash = unsafe self.hash(
          UnsafeRawBufferPointer(rebasing: text[range(number)]))
        var place = Int(truncatingIfNeeded: hash) & (places.count - 1)
        while places[place] != 0 { place = (place + 1) & (places.count - 1) }
        places[place] = hash & Self.hashMask | UInt64(number + 1)
      }
    }
  }

  private func hash(_ token: UnsafeRawBufferPointer) -> UInt64 {
    let count = token.count
    var (first, second): (UInt64, UInt64)
    if count >= 8 {
      first = unsafe token.loadUnaligned(as: UInt64.self)
      second = unsafe token.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
      var offset = 8
      while offset + 8 < count {
        first = Self.mix(first ^ seed.0, unsafe token.loadUnaligned(fromByteOffset: offset, as: UInt64.self) ^ seed.1)
        offset += 8
      }
    } else if count >= 4 {
      first = UInt64(unsafe token.loadUnaligned(as: UInt32.self))
      second = UInt64(unsafe token.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self))
    } else {
      first = UInt64(unsafe token[0]) << 16 | UInt64(unsafe token[count / 2]) << 8 | UInt64(unsafe token[count - 1])
      second = 0
    }
    return Self.mix(first ^ seed.0, second ^ seed.1 ^ UInt64(count))
  }

  private static func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let product = left.multipliedFullWidth(by: right)
    return product.high ^ product.low
  }

  /// What `pages` makes of the tokens.
  struct Page {
    /// What its tokens are at least; empty for the first page.
    var first: [UInt8]
    /// The next page's `first`; empty for the last.
    var end: [UInt8]
    var page: TokenPage
  }

  /// All tokens in pages, ascending, with their blocks.
  ///
  /// - Parameter commonCount: the blocks of tokens that are in more are not written.
  func pages(commonCount: Int) -> [Page] {
    let order = sorted()
    let (blocks, ends) = blocksByToken()
    var pages: [Page] = []
    var start = 0
    repeat {
      var writer = TokenPageWriter()
      var end = start
      while end < order.count, writer.byteCount < TokenPage.byteCountMax {
        let number = Int(order[end])
        let count = Int(tokens[number].blockCount)
        let isCommon = count > commonCount
        let token = unsafe text.span.bytes.extracting(range(number))
        writer.append(
          token, sharedCount: end > start ? sharedCount(Int(order[end - 1]), number) : 0,
          blocks: isCommon ? [] : blocks[ends[number] - count..<ends[number]])
        end += 1
      }
      let first = pages.isEmpty ? [] : token(order[start])
      pages.append(Page(first: first, end: end < order.count ? token(order[end]) : [], page: writer.finish()))
      start = end
    } while start < order.count
    return pages
  }

  private func range(_ number: Int) -> Range<Int> { Int(tokens[number].start)..<Int(tokens[number + 1].start) }

  private func sharedCount(_ left: Int, _ right: Int) -> Int {
    let (left, right) = (range(left), range(right))
    var count = 0
    while count < min(left.count, right.count), text[left.lowerBound + count] == text[right.lowerBound + count] {
      count += 1
    }
    return count
  }

  private func token(_ number: UInt32) -> [UInt8] { Array(text[range(Int(number))]) }

  /// The numbers of the tokens in the order of their bytes.
  private func sorted() -> [UInt32] {
    var keys: [(head: UInt64, number: UInt32)] = []
    keys.reserveCapacity(count)
    for number in 0..<count {
      var head: UInt64 = 0
      let range = range(number)
      for offset in range.lowerBound..<range.lowerBound + 8 {
        head = head << 8 | (offset < range.upperBound ? UInt64(text[offset]) : 0)
      }
      keys.append((head, UInt32(number)))
    }
    keys.sort { left, right in
      if left.head != right.head { return left.head < right.head }
      let (first, second) = (Int(left.number), Int(right.number))
      return text[range(first)].lexicographicallyPrecedes(text[range(second)])
    }
    return keys.map(\.number)
  }

  /// The blocks of all tokens, and where those of each end.
  private func blocksByToken() -> (blocks: [UInt16], ends: [Int]) {
    var ends = [Int](repeating: 0, count: count)
    var sum = 0
    for number in 0..<count {
      ends[number] = sum
      sum += Int(tokens[number].blockCount)
    }
    var blocks = [UInt16](repeating: 0, count: sum)
    var start = 0
    for (block, end) in pairEnds.enumerated() {
      for pair in pairs[start..<end] {
        blocks[ends[Int(pair)]] = UInt16(block)
        ends[Int(pair)] += 1
      }
      start = end
    }
    return (blocks, ends)
  }
}
