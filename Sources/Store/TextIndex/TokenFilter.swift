internal import LogsWire

/// Which tokens a block may have: a Bloom filter, which knows for certain only what it does not hold.
struct TokenFilter {
  private let bytes: ByteString

  /// Bits for each token: about one absent token in a hundred passes.
  static let bitsPerToken = 10
  private static let probeCount = 6

  init(_ bytes: ByteString) { self.bytes = bytes }

  /// - Parameter hashes: of distinct tokens.
  init(of hashes: [UInt64]) {
    let bitCount = max(64, (hashes.count * Self.bitsPerToken + 63) / 64 * 64)
    var bits = [UInt8](repeating: 0, count: bitCount / 8)
    for hash in hashes {
      Self.forEachBit(hash, of: bitCount) { bits[$0 >> 3] |= 1 << UInt8($0 & 7) }
    }
    bytes = ByteString(bits)
  }

  var stored: ByteString { bytes }

  /// Whether the token may be there.
  func mayHold(_ hash: UInt64) -> Bool {
    guard bytes.count >= 8 else { return true }
    var mayHold = true
    Self.forEachBit(hash, of: bytes.count * 8) {
      if bytes[$0 >> 3] >> UInt8($0 & 7) & 1 == 0 { mayHold = false }
    }
    return mayHold
  }

  private static func forEachBit(_ hash: UInt64, of bitCount: Int, _ body: (Int) -> Void) {
    // Two halves of one hash serve as many (Kirsch and Mitzenmacher).
    let step = hash >> 32 | 1
    var place = hash
    for _ in 0..<probeCount {
      body(Int(place % UInt64(bitCount)))
      place = place &+ step &* 0x9e37_79b9_7f4a_7c15
    }
  }
}
