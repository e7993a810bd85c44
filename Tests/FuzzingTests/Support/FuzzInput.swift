/// Reads an input from its beginning; behind its end are zeros.
struct FuzzInput {
  private(set) var rest: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) { rest = bytes[...] }

  var isAtEnd: Bool { rest.isEmpty }

  mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

  mutating func integer<Integer: FixedWidthInteger>(_: Integer.Type) -> Integer {
    var value: Integer = 0
    for index in 0..<Integer.bitWidth / 8 { value |= Integer(truncatingIfNeeded: byte()) << Integer(8 * index) }
    return value
  }

  /// That many bytes, or all that are left.
  mutating func bytes(_ count: Int) -> [UInt8] {
    let taken = rest.prefix(count)
    rest = rest.dropFirst(taken.count)
    return Array(taken)
  }

  /// Up to 255 bytes, with their count in front.
  mutating func chunk() -> [UInt8] { bytes(Int(byte())) }

  mutating func all() -> [UInt8] { bytes(rest.count) }
}

/// Cuts bytes into pieces of sizes that a byte decides, small and large ones.
struct Pieces: Sequence, IteratorProtocol {
  private var rest: ArraySlice<UInt8>
  private var state: UInt32

  init(_ bytes: [UInt8], _ choice: UInt8) {
    rest = bytes[...]
    state = UInt32(choice) &* 2_654_435_761 | 1
  }

  mutating func next() -> [UInt8]? {
    guard !rest.isEmpty else { return nil }
    state = state &* 1_664_525 &+ 1_013_904_223
    let size = (state >> 24) % 4 == 0 ? Int(state >> 16 & 0x1ff) + 1 : Int(state >> 16 & 0xf) + 1
    let piece = rest.prefix(size)
    rest = rest.dropFirst(piece.count)
    return Array(piece)
  }
}
