import Testing

@testable import LogsWire

@Suite struct `Zstd frames` {
  private func header(_ hex: String) throws -> ZstdFrameHeader {
    let bytes = hex.split(separator: " ").compactMap { UInt8($0, radix: 16) }
    return try ZstdFrameHeader(decoding: ByteString(bytes).span)
  }

  @Test func `a header gives window, content size and dictionary in every form`() throws {
    let rows: [(String, window: UInt64, content: UInt64?, dictionary: UInt32)] = [
      ("28 b5 2f fd 00 00", 1 << 10, nil, 0),
      ("28 b5 2f fd 00 07", 1920, nil, 0),
      ("28 b5 2f fd 04 60", 4 << 20, nil, 0),
      ("28 b5 2f fd 00 61", (4 << 20) + (512 << 10), nil, 0),
      ("28 b5 2f fd 00 ff", 15 << 38, nil, 0),
      ("28 b5 2f fd 20 00", 0, 0, 0),
      ("28 b5 2f fd 20 ff", 255, 255, 0),
      ("28 b5 2f fd 60 00 00", 256, 256, 0),
      ("28 b5 2f fd 60 ff ff", 65_791, 65_791, 0),
      ("28 b5 2f fd a0 00 00 40 00", 4 << 20, 4 << 20, 0),
      ("28 b5 2f fd e0 ff ff ff ff ff ff ff ff", .max, .max, 0),
      ("28 b5 2f fd 40 00 01 00", 1 << 10, 257, 0),
      ("28 b5 2f fd 01 00 07", 1 << 10, nil, 7),
      ("28 b5 2f fd 22 00 01 05", 5, 5, 256),
      ("28 b5 2f fd 83 08 00 00 00 01 05 00 00 00", 2 << 10, 5, 1 << 24),
    ]
    for (hex, window, content, dictionary) in rows {
      let found = try header(hex)
      #expect(found.windowByteCount == window, "\(hex)")
      #expect(found.contentByteCount == content, "\(hex)")
      #expect(found.dictionaryID == dictionary, "\(hex)")
      // Nothing of it may be missing.
      #expect(throws: WireDecodingError.self, "\(hex)") { try header(String(hex.dropLast(3))) }
    }
  }

  @Test func `what is compressed in pieces is one frame that says its size`() {
    let pieceByteCount = 1_000
    let compressor = Compressor(hasCheck: true)
    var seed: UInt64 = 1
    let random = (0..<10_000).map { _ in
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(seed >> 56)
    }
    for count in [0, 1, 999, 1_000, 1_001, 1_999, 2_000, 10_000] {
      for content in [random.prefix(count), [UInt8](repeating: 7, count: count)[...]].map({ ByteString(Array($0)) }) {
        var pieceCount = 0
        let frame = compressor.frame(content, each: pieceByteCount) { pieceCount += 1 }
        #expect(pieceCount == max(1, (count + pieceByteCount - 1) / pieceByteCount))
        #expect(Decompressor.contentByteCount(of: frame) == count)
        #expect(Decompressor().content(of: frame, count: count) == content)
      }
    }
    // Nothing of it stays in the compressor.
    #expect(compressor.frame(ByteString(random)) == Compressor(hasCheck: true).frame(ByteString(random)))
  }

  @Test func `other data is not a zstd frame`() {
    for hex in ["", "28 b5 2f", "28 b5 2f fd", "27 b5 2f fd 00 00", "50 2a 4d 18 00 00", "28 b5 2f fd 08 00"] {
      #expect(throws: WireDecodingError.self, "\(hex)") { try header(hex) }
    }
  }

  @Test(arguments: [1, 3, 12] as [Int32]) func `frames of this library are within the window limit`(level: Int32) throws
  {
    for size in [300, 200 << 10, 600 << 10, Limits.batchRawByteCountMax] {
      let raw = [UInt8](repeating: 7, count: size)
      var writer = ByteWriter()
      let isCompressed = Compressor(level: level).compress(ByteString(raw).span, into: &writer)
      #expect(isCompressed)
      let header = try ZstdFrameHeader(decoding: writer.span)
      #expect(header.windowByteCount <= UInt64(Limits.zstdWindowByteCountMax))
      #expect(header.contentByteCount == UInt64(size))
    }
  }

  @Test func `a batch that was stored when windows had no limit is still read`() throws {
    let vector = try #require(Vector.invalid.first { $0.name == "columns-zstd-window-2-gib" })
    let appended = try Batch(wholeOf: ByteString(vector.bytes))
    let error = #expect(throws: WireDecodingError.self) {
      var checker = BatchChecker()
      try checker.check(appended: appended)
    }
    #expect(error?.reason.contains("a window of 2147483648 bytes; the limit is 4194304") == true)
    let stored = appended.numbered(firstSequence: 1, received: 1, seed: Sample.seed)
    var checker = BatchChecker()
    try checker.check(numbered: stored)
    var decoder = BatchDecoder()
    #expect(try decoder.entries(of: stored).map(\.message.count) == [300])
  }
}
