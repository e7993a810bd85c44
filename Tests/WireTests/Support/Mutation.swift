@testable import LogsSimulation
@testable import LogsWire

/// Damage as a hostile peer would do it: small changes at places that matter, and wrong lengths.
enum Mutation {
  static func mutate(_ bytes: inout [UInt8], in range: Range<Int>, _ random: inout SeededGenerator) {
    guard !range.isEmpty else { return }
    for _ in 0..<Int.random(in: 1...3, using: &random) {
      let at = Int.random(in: range, using: &random)
      switch Int.random(in: 0..<6, using: &random) {
      case 0, 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 2: bytes[at] = [0, 1, 0x7f, 0x80, 0xfe, 0xff].randomElement(using: &random) ?? 0
      case 3: bytes[at] = UInt8.random(in: 0...255, using: &random)
      case 4:
        let width = min([2, 4, 8].randomElement(using: &random) ?? 2, range.upperBound - at)
        for index in at..<at + width { bytes[index] = 0xff }
      default:
        // A run of bytes from elsewhere.
        let count = min(Int.random(in: 1...16, using: &random), range.upperBound - at)
        let from = Int.random(in: range.lowerBound...(range.upperBound - count), using: &random)
        let piece = Array(bytes[from..<from + count])
        bytes.replaceSubrange(at..<at + count, with: piece)
      }
    }
  }

  /// Changes the length as well, by inserting or removing bytes.
  static func resize(_ bytes: inout [UInt8], in range: Range<Int>, _ random: inout SeededGenerator) {
    let at = Int.random(in: range.lowerBound...range.upperBound, using: &random)
    if random.chance(2) {
      bytes.insert(contentsOf: random.bytes(Int.random(in: 1...12, using: &random)), at: at)
    } else {
      bytes.removeSubrange(at..<min(at + Int.random(in: 1...12, using: &random), range.upperBound))
    }
  }
}
