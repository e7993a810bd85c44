import Testing

@testable import LogsWire

/// Eight bytes are read at once if there are as many, and byte by byte at the end: both ways must agree.
@Suite struct `Varints` {
  /// What follows a varint: nothing, or bytes that must not become part of it.
  private static let tails: [[UInt8]] = [
    [], [0], [0xff], Array(repeating: 0, count: 12), Array(repeating: 0xff, count: 12),
  ]

  /// The smallest and largest of each length, and their neighbours.
  private static let values: [UInt64] =
    [0, 1, .max, .max - 1]
    + (1...9).flatMap {
      let limit = UInt64(1) << UInt64(7 * $0); return [limit - 1, limit]
    }

  private func read(_ bytes: [UInt8]) throws -> (value: UInt64, byteCount: Int) {
    let bytes = ByteString(bytes)
    var reader = ByteReader(bytes.span)
    return (try reader.varint(), reader.offset)
  }

  @Test(arguments: tails) func `varints of each length are read as written, whatever follows`(_ tail: [UInt8]) throws {
    for value in Self.values {
      let written = Batches.varint(value)
      let (found, byteCount) = try read(written + tail)
      #expect(found == value && byteCount == written.count, "\(value) became \(found) in \(byteCount) bytes")
    }
  }

  @Test(arguments: tails) func `a varint that is longer than it needs to be is refused, whatever follows`(
    _ tail: [UInt8]
  ) {
    for zeroCount in 1...8 {
      let padded = [0x81] + Array(repeating: UInt8(0x80), count: zeroCount - 1) + [0x00]
      #expect(throws: WireDecodingError.self, "\(padded)") { try read(padded + tail) }
    }
  }

  @Test func `a varint that does not end, or ends above 64 bits, is refused`() {
    for count in 0...12 {
      #expect(throws: WireDecodingError.self) { try read(Array(repeating: 0xff, count: count)) }
    }
    #expect(throws: WireDecodingError.self) {
      try read(Array(repeating: 0xff, count: 9) + [0x02, 0, 0, 0, 0, 0, 0, 0])
    }
  }
}
