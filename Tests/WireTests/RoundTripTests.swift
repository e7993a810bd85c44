import Testing

@testable import LogsSimulation
@testable import LogsWire

@Suite struct `Round trips of batches` {
  @Test(arguments: TestSeeds.first(60)) func `random entries come out of a batch as they went in`(_ seed: UInt64) throws
  {
    var random = SeededGenerator(seed: seed)
    let count = [1, 2, 10, 100, 1000].randomElement(using: &random) ?? 1
    try roundTrip((0..<count).map { _ in RandomValues.entry(&random, large: seed % 10 == 0) }, &random, seed)
  }

  /// Through builder, checker, numbering and decoder, in as many batches as needed.
  private func roundTrip(_ entries: [LogEntry], _ random: inout SeededGenerator, _ seed: UInt64) throws {
    let replay = TestSeeds.replay(seed, "RoundTrip")
    var builder = BatchBuilder(seed: 1)
    let compressor = Compressor(level: 1)
    var checker = BatchChecker()
    var decoder = BatchDecoder()
    var sequence = UInt64.random(in: 1...1_000_000, using: &random)
    let serverSeed = random.next()
    var found: [LogEntry] = []
    var expected = entries
    func take(_ batch: Batch) throws {
      #expect(batch.bytes.count <= Limits.batchStoredByteCountMax, replay)
      try checker.check(appended: try Batch(wholeOf: ByteString(batch.bytes.array)))
      #expect(try Batch(wholeOf: batch.bytes).header == batch.header, replay)
      let numbered = batch.numbered(firstSequence: sequence, received: 77, seed: serverSeed)
      #expect(numbered.hasValidCheck && numbered.hasValidServerCheck(seed: serverSeed), replay)
      #expect(!numbered.hasValidServerCheck(seed: serverSeed &+ 1), replay)
      try checker.check(numbered: try Batch(wholeOf: ByteString(numbered.bytes.array)))
      let decoded = try decoder.entries(of: numbered)
      #expect(try decoder.effectiveTimes(of: numbered) == decoded.map(\.effectiveTime), replay)
      #expect(numbered.header.effectiveTimes.lowerBound == decoded.map(\.effectiveTime).min(), replay)
      #expect(numbered.header.effectiveTimes.upperBound == decoded.map(\.effectiveTime).max(), replay)
      found += decoded
      sequence = numbered.header.lastSequence + 1
    }
    for index in entries.indices {
      expected[index].sequence = sequence + UInt64(builder.count)
      expected[index].received = 77
      if try builder.append(entries[index]) == .full {
        try take(builder.finish(compressor: compressor))
        #expect(expected[index].sequence == sequence, replay)
        #expect(try builder.append(entries[index]) == .added, replay)
      }
    }
    try take(builder.finish(compressor: compressor))
    if found != expected { Issue.record(replay) }
  }

  @Test func `a batch holds 65,536 entries and not one more`() throws {
    var builder = BatchBuilder(seed: 1)
    for index in 0..<65_536 {
      guard try builder.append(LogEntry(message: ByteString(), time: Int64(index))) == .added else {
        Issue.record("full at \(index)")
        return
      }
    }
    #expect(try builder.append(LogEntry(message: ByteString())) == .full)
    let batch = builder.finish(compressor: Compressor())
    #expect(batch.header.count == 65_536)
    var checker = BatchChecker()
    try checker.check(appended: batch)
    var decoder = BatchDecoder()
    #expect(try decoder.entries(of: batch).map(\.time) == (0..<65_536).map { Int64($0) })
    #expect(builder.count == 0)
    #expect(try builder.append(LogEntry(message: ByteString())) == .added)
  }

  @Test func `incompressible messages of a mebibyte fill a batch without exceeding it`() throws {
    var random = SeededGenerator(seed: 1)
    var builder = BatchBuilder(seed: 1)
    let large = ByteString(random.bytes(1 << 20))
    #expect(try builder.append(LogEntry(message: large)) == .added)
    #expect(try builder.append(LogEntry(message: large)) == .full)
    var small = 0
    while try builder.append(LogEntry(message: ByteString(random.bytes(1000)))) == .added { small += 1 }
    #expect(small > 900)
    let batch = builder.finish(compressor: Compressor())
    #expect(batch.bytes.count <= Limits.batchStoredByteCountMax)
    var checker = BatchChecker()
    try checker.check(appended: batch)
  }

  @Test func `columns that the last entry begins do not exceed a batch`() throws {
    var random = SeededGenerator(seed: 1)
    var builder = BatchBuilder(seed: 1)
    while try builder.append(LogEntry(message: ByteString(random.bytes(40)))) == .added {}
    let late = LogEntry(
      message: ByteString(), attributes: [LogAttribute("late", .bytes(ByteString(random.bytes(60_000))))], kind: .status
    )
    #expect(try builder.append(late) == .full)
    let batch = builder.finish(compressor: Compressor())
    #expect(batch.bytes.count <= Limits.batchStoredByteCountMax)
    var checker = BatchChecker()
    try checker.check(appended: batch)
  }

  @Test func `a message that is too long is cut and marked`() throws {
    var random = SeededGenerator(seed: 2)
    let message = ByteString(random.bytes((1 << 20) + 5))
    for attributes in [[], [LogAttribute("logs.truncated", 1), LogAttribute("kept", true)]] {
      let batch = try Batches.built([LogEntry(message: message, attributes: attributes)])
      var checker = BatchChecker()
      try checker.check(appended: batch)
      var decoder = BatchDecoder()
      let entry = try #require(try decoder.entries(of: batch).first)
      #expect(entry.message == message[0..<1 << 20])
      #expect(entry.attributes.last == LogAttribute("logs.truncated", .integer(Int64(message.count))))
      #expect(entry.attributes.count == max(attributes.count, 1))
    }
  }

  @Test func `a source that is too long is cut`() throws {
    let batch = try Batches.built([LogEntry(message: "m", source: ByteString(String(repeating: "s", count: 300)))])
    var checker = BatchChecker()
    try checker.check(appended: batch)
    var decoder = BatchDecoder()
    #expect(try decoder.entries(of: batch).first?.source.count == 255)
  }

  static let impossible: [(String, [LogAttribute])] = [
    ("an empty key", [LogAttribute("", 1)]),
    ("a long key", [LogAttribute(String(repeating: "k", count: 256), 1)]),
    ("a key twice", [LogAttribute("a", 1), LogAttribute("a", 2)]),
    ("a key twice among many", (0..<40).map { LogAttribute("k\($0 % 39)", 1) }),
    ("a key twice in a map", [LogAttribute("m", .map([LogAttribute("a", 1), LogAttribute("a", 2)]))]),
    ("257 values", (0..<257).map { LogAttribute("k\($0)", 1) }),
    ("257 values in a list", [LogAttribute("l", .list(Array(repeating: .empty, count: 256)))]),
    ("64 KiB", [LogAttribute("s", .string(String(repeating: "s", count: 64 << 10)))]),
    ("nine levels", [LogAttribute("deep", nested(9))]),
    ("a thousand levels", [LogAttribute("deep", nested(1000))]),
  ]

  static func nested(_ depth: Int) -> AttributeValue {
    depth == 0 ? .empty : depth % 2 == 0 ? .map([LogAttribute("", nested(depth - 1))]) : .list([nested(depth - 1)])
  }

  @Test(arguments: impossible.indices)
  func `an entry that no batch can hold is refused and leaves the builder as it was`(
    _ index: Int
  ) throws {
    var builder = BatchBuilder(seed: 1)
    #expect(try builder.append(LogEntry(message: "before")) == .added)
    #expect(throws: InvalidEntry.self, "\(Self.impossible[index].0)") {
      try builder.append(LogEntry(message: "bad", attributes: Self.impossible[index].1))
    }
    #expect(
      try builder.append(LogEntry(message: "after", attributes: [LogAttribute("deep", Self.nested(8))])) == .added)
    var decoder = BatchDecoder()
    let entries = try decoder.entries(of: builder.finish(compressor: Compressor()))
    #expect(entries.map(\.text) == ["before", "after"])
    #expect(entries.last?.attributes == [LogAttribute("deep", Self.nested(8))])
  }

  private static func isAccepted(_ entry: LogEntry) throws -> Bool {
    var builder = BatchBuilder(seed: 1)
    do throws(InvalidEntry) { return try builder.append(entry) == .added } catch { return false }
  }

  @Test(arguments: impossible.indices)
  func `an entry that no batch can hold keeps its message and what fits, and says how much is missing`(
    _ index: Int
  ) throws {
    let (what, attributes) = Self.impossible[index]
    let entry = LogEntry(message: "m", attributes: [LogAttribute("first", 1)] + attributes + [LogAttribute("last", 2)])
    let fitted = entry.fitted()
    #expect(try Self.isAccepted(fitted), "\(what)")
    #expect(fitted.message == entry.message)
    #expect(fitted.attributes.first == LogAttribute("first", 1))
    let missingCount = entry.attributes.count - (fitted.attributes.count - 1)
    #expect(missingCount > 0)
    #expect(fitted.attributes.last == LogAttribute("logs.truncated_attributes", .integer(Int64(missingCount))))
    #expect(fitted.fitted() == fitted)
  }

  @Test func `an attribute that does not fit leaves room for later ones`() throws {
    let large = LogAttribute("large", .string(String(repeating: "s", count: 70_000)))
    let fitted = LogEntry(message: "m", attributes: [LogAttribute("a", 1), large, LogAttribute("b", "2")]).fitted()
    #expect(
      fitted.attributes == [LogAttribute("a", 1), LogAttribute("b", "2"), LogAttribute("logs.truncated_attributes", 1)])
    // Cut once more in transit.
    let again = LogEntry(message: "m", attributes: fitted.attributes + [large, large]).fitted()
    #expect(
      again.attributes == [LogAttribute("a", 1), LogAttribute("b", "2"), LogAttribute("logs.truncated_attributes", 3)])
  }

  @Test func `a long message leaves room for the attribute that marks it`() throws {
    let message = ByteString([UInt8](repeating: 0x78, count: (1 << 20) + 1))
    let full = (0..<256).map { LogAttribute("k\($0)", 1) }
    let fitted = LogEntry(message: message, attributes: full).fitted()
    #expect(try !Self.isAccepted(LogEntry(message: message, attributes: full)))
    #expect(try Self.isAccepted(fitted))
    #expect(fitted.attributes.count == 255)
    #expect(fitted.attributes.last == LogAttribute("logs.truncated_attributes", 2))
  }

  @Test(arguments: TestSeeds.first(20)) func `any entry can be fitted, and one that fits stays`(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let replay = TestSeeds.replay(seed, "RoundTripTests")
    for _ in 0..<50 {
      var entry = RandomValues.entry(&random)
      for _ in 0..<Int.random(in: 0...3, using: &random) {
        let bad = Self.impossible[Int.random(in: 0..<Self.impossible.count, using: &random)].1
        entry.attributes.insert(contentsOf: bad, at: Int.random(in: 0...entry.attributes.count, using: &random))
      }
      let fitted = entry.fitted()
      #expect(try Self.isAccepted(fitted), replay)
      #expect(try (fitted == entry) == Self.isAccepted(entry), replay)
    }
  }

  @Test func `attributes and kinds that no entry has do not make a batch longer`() throws {
    let entries = (0..<100).map { LogEntry(message: "same", time: Int64($0), severity: .info, source: "s") }
    #expect(try Batches.built(entries).header.rawLength < 5 * 100 + 200 + 64)
  }

  @Test func `a builder makes the same batch again after it was emptied`() throws {
    var random = SeededGenerator(seed: 3)
    let some = (0..<50).map { _ in RandomValues.entry(&random) }
    let others = (0..<50).map { _ in RandomValues.entry(&random) }
    var builder = BatchBuilder(seed: 1)
    let compressor = Compressor()
    for entry in some { #expect(try builder.append(entry) == .added) }
    _ = builder.finish(compressor: compressor)
    for entry in others { #expect(try builder.append(entry) == .added) }
    #expect(builder.finish(compressor: compressor).bytes == (try Batches.built(others)).bytes)
  }

  @Test func `any number of sources is kept apart, and a batch with few after one with many is like any other`()
    throws
  {
    func entries(sources sourceCount: Int) -> [LogEntry] {
      (0..<2 * sourceCount).map { LogEntry(message: "m", source: ByteString("source \($0 % sourceCount)")) }
    }
    var builder = BatchBuilder(seed: 1)
    let compressor = Compressor()
    var decoder = BatchDecoder()
    for sourceCount in [1, 2, 16, 17, 128, 129, 20_000, 3, 127, 1] {
      let entries = entries(sources: sourceCount)
      for entry in entries { #expect(try builder.append(entry) == .added) }
      let batch = builder.finish(compressor: compressor)
      var checker = BatchChecker()
      try checker.check(appended: batch)
      #expect(try decoder.entries(of: batch).map(\.source) == entries.map(\.source), "\(sourceCount) sources")
      #expect(batch.bytes == (try Batches.built(entries)).bytes, "\(sourceCount) sources")
    }
  }
}

@Suite struct `Round trips of messages` {
  @Test(arguments: TestSeeds.first(100)) func `every message comes out of its frame as it went in`(_ seed: UInt64)
    throws
  {
    var random = SeededGenerator(seed: seed)
    let replay = TestSeeds.replay(seed, "RoundTrip")
    let messages = RandomValues.messages(&random)
    #expect(Set(messages.map(\.type)) == Set((0...UInt8.max).compactMap { FrameType(rawValue: $0) }))
    let ids = messages.map { $0.type.concernsConnection ? 0 : UInt32.random(in: 0...(UInt32.max - 20), using: &random) }
    let sent = zip(messages, ids).flatMap { Frames.bytes($0.frame(id: $1)) }
    let pieces = (0..<20).map { _ in Int.random(in: 1...(random.chance(2) ? 5 : 500), using: &random) }
    let frames = try Frames.decode(sent, pieces: pieces)
    #expect(frames.map(\.id) == ids, replay)
    #expect(frames.map(\.type) == messages.map(\.type), replay)
    for (frame, message) in zip(frames, messages) {
      let decoded = try Message(decoding: frame)
      // Messages print everything that they hold; bytes of batches are compared separately.
      #expect(Frames.bytes(decoded.frame(id: frame.id)) == Frames.bytes(message.frame(id: frame.id)), replay)
      switch (decoded, message) {
      case (.follow(let left), .follow(let right)): #expect(left == right, replay)
      case (.error(let left), .error(let right)): #expect(left == right, replay)
      case (.listing(let left), .listing(let right)): #expect(left == right, replay)
      case (.stream(let left), .stream(let right)): #expect(left == right, replay)
      case (.welcome(let left), .welcome(let right)): #expect(left == right, replay)
      case (.hello(let left), .hello(let right)): #expect(left == right, replay)
      case (.ack(let left), .ack(let right)): #expect(left == right, replay)
      case (.complete(let left), .complete(let right)): #expect(left == right, replay)
      case (.skip(let left), .skip(let right)): #expect(left == right, replay)
      case (.status(let left), .status(let right)): #expect(left == right, replay)
      case (.list(let left), .list(let right)): #expect(left == right, replay)
      case (.query(let left), .query(let right)): #expect(left == right, replay)
      case (.progress(let left), .progress(let right)): #expect(left == right, replay)
      case (.result(let left), .result(let right)): #expect(left == right, replay)
      case (.delete(let left), .delete(let right)): #expect(left == right, replay)
      case (.deleted(let left), .deleted(let right)): #expect(left == right, replay)
      case (.auth(let left), .auth(let right)): #expect(left == right, replay)
      case (.challenge(let left), .challenge(let right)): #expect(left == right, replay)
      case (.append(let left), .append(let right)):
        #expect(left.batch == right.batch && left.stream == right.stream && left.producer == right.producer, replay)
        #expect(left.number == right.number && left.floor == right.floor, replay)
      case (.batch(let left, let run), .batch(let right, let other)): #expect(left == right && run == other, replay)
      default: break
      }
    }
  }

  @Test func `texts that are too long are cut at a code point`() throws {
    let text = String(repeating: "\u{1F600}", count: 300)
    let frame = Message.error(Refusal(.internalError, text)).frame(id: 0)
    guard case .error(let refusal)? = try Frames.messages(Frames.bytes(frame)).first else {
      Issue.record("no ERROR")
      return
    }
    #expect(refusal.text == String(repeating: "\u{1F600}", count: 256))
    // A character of many code points is also cut.
    let marks = "a" + String(repeating: "\u{301}", count: 1000)
    let cut = Message.goAway(GoAway(retryAfterMilliseconds: 0, text: marks)).frame(id: 0)
    guard case .goAway(let goAway)? = try Frames.messages(Frames.bytes(cut)).first else {
      Issue.record("no GOAWAY")
      return
    }
    #expect(goAway.text.utf8.count == 1023)
  }

  @Test func `details that grew when decoded can be passed on`() throws {
    let invalid = [UInt8](repeating: 0xff, count: 60_000)
    var control = ByteWriter()
    control.append(u64: 0)
    control.append(u16: 0)
    control.append(u16: 2)
    control.append(u16: UInt16(8 + invalid.count))
    control.append(u64: 7)
    control.append(ByteString(invalid))
    let bytes = Frames.frame(type: 3, id: 1, control: control.finish().array)
    guard case .error(let refusal)? = try Frames.messages(bytes).first else {
      Issue.record("no ERROR")
      return
    }
    #expect(refusal.limit?.value == 7)
    #expect(try Frames.messages(Frames.bytes(Message.error(refusal).frame(id: 1))).count == 1)
  }

  @Test(arguments: TestSeeds.first(20)) func `the length of a FOLLOW is known before it is made`(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let follow = RandomValues.follow(&random)
    #expect(Message.follow(follow).frame(id: 1).head.count == 20 + follow.controlByteCount)
  }

  @Test func `a FOLLOW holds as many cursors as its control part has bytes for`() throws {
    var follow = Sample.follow()
    let room = (Limits.controlByteCountMax - follow.controlByteCount) / (17 + 32)
    follow.cursor = (0..<room).map {
      let digits = String($0)
      let name = String(repeating: "s", count: 32 - digits.count) + digits
      return CursorPosition(stream: Sample.name(name), incarnation: Incarnation(1), sequence: 1)
    }
    guard case .follow(let decoded)? = try Frames.messages(Frames.bytes(Message.follow(follow).frame(id: 1))).first
    else {
      Issue.record("no FOLLOW")
      return
    }
    #expect(decoded == follow)
  }

  @Test func `a start from number 0 is a start at the first entry`() throws {
    let follow = Follow(credit: 0, selectors: [.stream(Sample.web)], start: .from(0))
    guard case .follow(let decoded)? = try Frames.messages(Frames.bytes(Message.follow(follow).frame(id: 1))).first
    else {
      Issue.record("no FOLLOW")
      return
    }
    #expect(decoded.start == .first)
  }
}
