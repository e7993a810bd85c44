internal import LogsWire

/// The distinct tokens of a section in the making, numbered in the order in which they come.
struct TokenTable {
  /// The tokens end to end, and where each begins; one more for the end.
  private var text: [UInt8] = []
  private var starts: [UInt32] = [0]
  private(set) var hashes: [UInt64] = []
  /// Each token's number plus one, at the place given by its hash or the next free one; 0 where there is none.
  private var places = [UInt32](repeating: 0, count: 1 << 12)
  /// The last block in which each token was seen, plus one.
  private var lastBlock: [UInt32] = []
  /// In how many blocks.
  private(set) var blockCounts: [UInt32] = []

  var count: Int { hashes.count }
  var byteCount: Int { text.count }

  func token(_ number: Int) -> [UInt8] { Array(text[Int(starts[number])..<Int(starts[number + 1])]) }

  /// Notes a token of a block.
  ///
  /// - Returns: its number if it is new in this block.
  mutating func note(_ token: UnsafeBufferPointer<UInt8>, in block: UInt32) -> UInt32? {
    let hash = XXH3.hash(unsafe token.span.bytes)
    var place = Int(truncatingIfNeeded: hash) & (places.count - 1)
    while places[place] != 0 {
      let number = Int(places[place] - 1)
      if hashes[number] == hash, unsafe isToken(number, token) {
        guard lastBlock[number] != block + 1 else { return nil }
        lastBlock[number] = block + 1
        blockCounts[number] += 1
        return UInt32(number)
      }
      place = (place + 1) & (places.count - 1)
    }
    let number = UInt32(hashes.count)
    places[place] = number + 1
    hashes.append(hash)
    unsafe text.append(contentsOf: token)
    starts.append(UInt32(text.count))
    lastBlock.append(block + 1)
    blockCounts.append(1)
    if 2 * hashes.count > places.count { grow() }
    return number
  }

  private func isToken(_ number: Int, _ token: UnsafeBufferPointer<UInt8>) -> Bool {
    let start = Int(starts[number])
    guard Int(starts[number + 1]) - start == token.count else { return false }
    for index in 0..<token.count where text[start + index] != (unsafe token[index]) { return false }
    return true
  }

  private mutating func grow() {
    places = [UInt32](repeating: 0, count: 2 * places.count)
    for (number, hash) in hashes.enumerated() {
      var place = Int(truncatingIfNeeded: hash) & (places.count - 1)
      while places[place] != 0 { place = (place + 1) & (places.count - 1) }
      places[place] = UInt32(number) + 1
    }
  }
}
