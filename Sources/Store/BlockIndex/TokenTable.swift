internal import CSystem
internal import LogsSystem
internal import LogsWire

/// The distinct tokens of a section in the making, numbered in the order in which they come, and the blocks that have
/// them.
struct TokenTable {
  /// The tokens end to end.
  private var text: [UInt8] = []
  /// Where each token ends in it.
  private var ends: [UInt32] = []
  /// A token is at the place given by its hash or the next free one.
  private var places = Self.places(count: 1 << 12)
  /// The tokens of each block.
  private var pairs: [UInt32] = []
  private var pairEnds: [Int] = []
  /// Of the tokens that are noted at once, kept for the next.
  private var keys: [UInt64] = []
  /// Secret, so that nobody can write lines whose tokens meet in one place.
  private let seed = (UInt64.random(in: 0...UInt64.max), UInt64.random(in: 0...UInt64.max))

  /// Has all that the usual look-up needs, since each one meets another line of the processor's cache.
  private struct Place {
    var key: UInt64 = 0
    /// The token's number plus one; 0 where there is none.
    var next: UInt32 = 0
    /// The last block in which it was seen, plus one.
    var lastBlock: UInt16 = 0

    var number: Int { Int(next) - 1 }
  }

  /// Set in the key of a token of more than 8 bytes, which is its hash. The key of a shorter one is the token: its
  /// bytes are ASCII and never 0.
  private static let longMark: UInt64 = 1 << 63

  var byteCount: Int { text.count }
  private var count: Int { ends.count }

  /// The blocks whose tokens are all noted.
  var endedBlockCount: Int { pairEnds.count }

  /// Notes tokens of the current block, of at least 1 byte each; of one that is longer than `Tokens.byteCountMax`, its
  /// pieces.
  ///
  /// - Parameter bounds: where each token begins and ends in the text.
  mutating func note(_ text: UnsafeRawBufferPointer, _ bounds: UnsafeBufferPointer<UInt32>) {
    let tokenCount = bounds.count / 2
    if keys.count < tokenCount { keys = Array(repeating: 0, count: 2 * tokenCount) }
    func token(_ index: Int) -> UnsafeRawBufferPointer {
      unsafe UnsafeRawBufferPointer(rebasing: text[Int(bounds[2 * index])..<Int(bounds[2 * index + 1])])
    }
    // All of them are on their way to the processor's cache when the first is looked at.
    unsafe places.withUnsafeBufferPointer { places in
      for index in 0..<tokenCount {
        let token = unsafe token(index)
        if token.count > Tokens.byteCountMax { continue }
        let key = unsafe key(token)
        keys[index] = key
        unsafe logs_prefetch(places.baseAddress.unsafelyUnwrapped + firstIndex(key))
      }
    }
    for index in 0..<tokenCount {
      let token = unsafe token(index)
      if token.count <= Tokens.byteCountMax {
        unsafe note(token, keys[index])
      } else {
        unsafe Tokens.forEachPiece(of: token) { unsafe note($0, key($0)) }
      }
    }
  }

  private mutating func note(_ token: UnsafeRawBufferPointer, _ key: UInt64) {
    let block = UInt16(pairEnds.count + 1)
    var index = firstIndex(key)
    while places[index].next != 0 {
      if places[index].key == key {
        let number = places[index].number
        if unsafe key & Self.longMark == 0 || isToken(number, token) {
          guard places[index].lastBlock != block else { return }
          places[index].lastBlock = block
          pairs.append(UInt32(number))
          return
        }
      }
      index = (index + 1) & (places.count - 1)
    }
    pairs.append(UInt32(count))
    unsafe text.append(contentsOf: token)
    ends.append(UInt32(text.count))
    places[index] = Place(key: key, next: UInt32(count), lastBlock: block)
    if 2 * count > places.count { grow() }
  }

  private func isToken(_ number: Int, _ token: UnsafeRawBufferPointer) -> Bool {
    let (range, count) = (range(number), token.count)
    guard range.count == count else { return false }
    let known = unsafe text.span.bytes.extracting(range)
    // It has more than 8 bytes.
    var offset = 0
    while offset + 8 < count {
      guard
        unsafe known.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
          == token.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      else { return false }
      offset += 8
    }
    return unsafe known.unsafeLoadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
      == token.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
  }

  /// The next token is of another block.
  mutating func endBlock() { pairEnds.append(pairs.count) }

  /// Free places.
  private static func places(count: Int) -> [Place] {
    unsafe Array(unsafeUninitializedCapacity: count) { places, initialized in
      unsafe Heap.useLargePages(UnsafeRawBufferPointer(places))
      unsafe places.initialize(repeating: Place())
      initialized = count
    }
  }

  private mutating func grow() {
    let old = places
    places = Self.places(count: 2 * old.count)
    for place in old where place.next != 0 {
      var index = firstIndex(place.key)
      while places[index].next != 0 { index = (index + 1) & (places.count - 1) }
      places[index] = place
    }
  }

  private func firstIndex(_ key: UInt64) -> Int {
    let hash = key & Self.longMark != 0 ? key : Self.mix(key ^ seed.0, seed.1)
    return Int(truncatingIfNeeded: hash) & (places.count - 1)
  }

  private func key(_ token: UnsafeRawBufferPointer) -> UInt64 {
    let count = token.count
    if count > 8 { return unsafe hash(token) | Self.longMark }
    // Bytes that are loaded twice meet in their places.
    if count >= 4 {
      let (first, last) = unsafe (
        token.loadUnaligned(as: UInt32.self), token.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)
      )
      return UInt64(first) | UInt64(last) &<< UInt64(8 * (count - 4))
    }
    let (middle, last) = (count / 2, count - 1)
    return unsafe UInt64(token[0]) | UInt64(token[middle]) &<< UInt64(8 * middle)
      | UInt64(token[last]) &<< UInt64(8 * last)
  }

  /// Of more than 8 bytes.
  private func hash(_ token: UnsafeRawBufferPointer) -> UInt64 {
    let count = token.count
    var first = unsafe token.loadUnaligned(as: UInt64.self)
    let second = unsafe token.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
    var offset = 8
    while offset + 8 < count {
      first = Self.mix(first ^ seed.0, unsafe token.loadUnaligned(fromByteOffset: offset, as: UInt64.self) ^ seed.1)
      offset += 8
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
    let (blocks, bounds) = blocksByToken()
    var pages: [Page] = []
    var start = 0
    repeat {
      var writer = TokenPageWriter()
      var end = start
      while end < order.count, writer.byteCount < TokenPage.byteCountMax {
        let number = Int(order[end])
        let blocks = blocks[bounds[number]..<bounds[number + 1]]
        let token = unsafe text.span.bytes.extracting(range(number))
        writer.append(
          token, sharedCount: end > start ? sharedCount(Int(order[end - 1]), number) : 0,
          blocks: blocks.count > commonCount ? [] : blocks)
        end += 1
      }
      let first = pages.isEmpty ? [] : token(order[start])
      pages.append(Page(first: first, end: end < order.count ? token(order[end]) : [], page: writer.finish()))
      start = end
    } while start < order.count
    return pages
  }

  private func range(_ number: Int) -> Range<Int> {
    (number == 0 ? 0 : Int(ends[number - 1]))..<Int(ends[number])
  }

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

  /// The blocks of all tokens, and where those of each begin and the last end.
  private func blocksByToken() -> (blocks: [UInt16], bounds: [Int]) {
    var bounds = [Int](repeating: 0, count: count + 1)
    for number in pairs { bounds[Int(number) + 1] += 1 }
    for number in 0..<count { bounds[number + 1] += bounds[number] }
    var places = bounds
    var blocks = [UInt16](repeating: 0, count: pairs.count)
    var start = 0
    for (block, end) in pairEnds.enumerated() {
      for number in pairs[start..<end] {
        blocks[places[Int(number)]] = UInt16(block)
        places[Int(number)] += 1
      }
      start = end
    }
    return (blocks, bounds)
  }
}
