import Testing

@testable import LogsSimulation
@testable import LogsWire

/// Bytes that a peer may send on purpose: all checks here match.
@Suite struct `Hostile batches` {
  /// Payloads and headers of uncompressed batches to start from.
  private static func corpus(_ random: inout SeededGenerator) throws -> [[UInt8]] {
    var corpus: [[UInt8]] = []
    for vector in Vector.valid where vector.kind == .batch || vector.kind == .numbered {
      guard vector.bytes[41] == 0, vector.bytes.count < 2000 else { continue }
      var bytes = vector.bytes
      for index in 0..<32 { bytes[index] = 0 }
      corpus.append(bytes)
    }
    for _ in 0..<10 {
      let batch = try Batches.built(
        (0..<Int.random(in: 1...6, using: &random)).map { _ in RandomValues.entry(&random) })
      var payload = ByteWriter()
      try Decompressor().decompress(batch, into: &payload)
      let header = batch.header
      corpus.append(
        Batches.batch(
          count: header.count, payload: payload.finish().array, flags: header.flags.rawValue, minTime: header.minTime,
          maxTime: header.maxTime, severities: header.severities))
    }
    return corpus
  }

  /// Mutates a batch, corrects lengths and checks, and sometimes compresses it.
  private static func mutated(_ original: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
    var bytes = original
    let payload = BatchHeader.byteCount..<bytes.count
    if random.chance(4) { Mutation.mutate(&bytes, in: 40..<BatchHeader.byteCount, &random) }
    if random.chance(5) { Mutation.mutate(&bytes, in: 0..<40, &random) }
    if !random.chance(5) { Mutation.mutate(&bytes, in: payload, &random) }
    if random.chance(6) { Mutation.resize(&bytes, in: payload, &random) }
    if !random.chance(10) {
      let raw = ByteString(Array(bytes[BatchHeader.byteCount...]))
      Frames.store(UInt32(raw.count), &bytes, 68)
      Frames.store(UInt32(raw.count), &bytes, 72)
      var writer = ByteWriter()
      if random.chance(3), Compressor().compress(raw.span, into: &writer) {
        let stored = writer.finish().array
        bytes[41] = 1
        Frames.store(UInt32(stored.count), &bytes, 72)
        bytes.replaceSubrange(BatchHeader.byteCount..., with: stored)
        if random.chance(4) { Mutation.mutate(&bytes, in: BatchHeader.byteCount..<bytes.count, &random) }
      }
    }
    Batches.sign(&bytes, seed: random.chance(2) ? 1 : nil)
    return bytes
  }

  @Test(arguments: TestSeeds.first(20)) func `a mutated batch is refused, or its entries are consistent`(
    _ seed: UInt64
  ) throws {
    var random = SeededGenerator(seed: seed)
    let corpus = try Self.corpus(&random)
    var checker = BatchChecker()
    var decoder = BatchDecoder()
    var accepted = 0
    for round in 0..<2000 {
      let bytes = Self.mutated(corpus[Int.random(in: 0..<corpus.count, using: &random)], &random)
      guard let batch = try? Batch(startOf: ByteString(bytes)) else { continue }
      _ = (batch.header.lastSequence, batch.header.effectiveTimes)
      let isSound: Bool
      do {
        if batch.header.firstSequence == 0 {
          try checker.check(appended: batch)
        } else {
          try checker.check(numbered: batch)
        }
        isSound = true
      } catch { isSound = false }
      guard let entries = try? decoder.entries(of: batch) else {
        // Everything stored must be readable.
        if isSound { Issue.record("\(TestSeeds.replay(seed, "HostileBytes")): round \(round) is sound but unreadable") }
        continue
      }
      guard isSound else { continue }
      accepted += 1
      if let problem = Self.problem(of: batch, entries) {
        Issue.record("\(TestSeeds.replay(seed, "HostileBytes")): round \(round): \(problem)")
      }
    }
    #expect(accepted > 20, "some mutations are harmless; none means that the checks are not passed")
  }

  /// Why a checked batch breaks the guarantees of a checked batch.
  private static func problem(of batch: Batch, _ entries: [LogEntry]) -> String? {
    let header = batch.header
    if entries.count != Int(header.count) { return "count" }
    var mask: UInt32 = 0
    for entry in entries {
      mask |= 1 << UInt32(entry.severity.number)
      if entry.message.count > Limits.messageByteCountMax || entry.source.count > 255 { return "lengths" }
      if !header.effectiveTimes.contains(entry.effectiveTime) { return "time \(entry.effectiveTime)" }
      if entry.attributes.count > 256 { return "attributes" }
    }
    if mask != header.severities { return "severities" }
    if header.span > 0 {
      for (previous, next) in zip(entries, entries.dropFirst()) where previous.sequence >= next.sequence {
        return "order"
      }
      if let first = entries.first, let last = entries.last,
        first.sequence < header.firstSequence || last.sequence > header.lastSequence
      {
        return "numbers"
      }
    }
    return nil
  }

  /// False claims of a payload's raw bytes, and the number of entries in the header.
  static let lies: [(String, UInt32, [UInt8])] = {
    let huge = Batches.varint(.max)
    return [
      ("lengths that sum to 2^64", 2, Batches.column(4, 5, huge + Batches.varint(1) + [0])),
      ("one length of 2^63", 1, Batches.column(4, 5, Batches.varint(1 << 63))),
      ("a dictionary of 2^64 - 1 values", 1, Batches.column(3, 6, huge)),
      ("an index of 2^64 - 1", 1, Batches.column(3, 6, [1, 0] + huge)),
      ("lengths without an end", 65_536, Batches.column(4, 5, [UInt8](repeating: 0x80, count: 70_000))),
      ("65,536 entries in one byte", 65_536, Batches.column(4, 5, [0])),
      ("a key of 2^64 - 1 bytes", 1, attributes(keys: huge, values: [0])),
      ("a string of 2^64 - 1 bytes", 1, attributes(keys: [1, 97], values: [1] + huge)),
      ("a list of 2^64 - 1 values", 1, attributes(keys: [1, 97], values: [5] + huge)),
      ("a map of 2^63 members", 1, attributes(keys: [1, 97], values: [6] + Batches.varint(1 << 63))),
      ("20,000 levels", 1, attributes(keys: [1, 97], values: (0..<20_000).flatMap { _ in [5, 1] as [UInt8] } + [0])),
      (
        "a million levels", 1,
        attributes(keys: [1, 97], values: (0..<1_000_000).flatMap { _ in [5, 1] as [UInt8] } + [0])
      ),
      ("a column of 4 GiB", 1, [4, 0, 5, 0, 255, 255, 255, 255]),
      ("a zigzag of 65 bits", 1, Batches.column(1, 4, [UInt8](repeating: 0xff, count: 9) + [2])),
    ]
  }()

  private static func attributes(keys: [UInt8], values: [UInt8]) -> [UInt8] {
    Batches.column(5, 5, Batches.varint(UInt64(keys.count)) + keys)
      + Batches.column(6, 5, Batches.varint(UInt64(values.count)) + values)
  }

  @Test(arguments: lies.indices) func `an inconsistent payload is refused by checker and reader`(_ index: Int) throws {
    let (what, count, payload) = Self.lies[index]
    let batch = try Batch(wholeOf: ByteString(Batches.batch(count: count, payload: payload, flags: 4)))
    #expect(throws: WireDecodingError.self, "\(what)") {
      var checker = BatchChecker()
      try checker.check(appended: batch)
    }
    #expect(throws: WireDecodingError.self, "\(what)") {
      var decoder = BatchDecoder()
      _ = try decoder.entries(of: batch)
    }
  }

  @Test func `a large constant row is refused, and one within the limits is read once`() throws {
    // 64 KiB times 65,536 entries would be 4 GiB, and 1,000 bytes just fit 64 MiB.
    for (length, fits) in [(60_000, false), (1_000, true)] { try checkConstantRow(of: length, fits: fits) }
  }

  private func checkConstantRow(of length: Int, fits: Bool) throws {
    let value = [1] + Batches.varint(UInt64(length)) + [UInt8](repeating: 97, count: length)
    let shapes: [[UInt8]] = (0..<100).map { [2, 107, UInt8($0)] }
    let indices = (0..<65_536).map { UInt8($0 % 100) }
    let payload =
      Batches.column(5, 6, [100] + [UInt8](repeating: 3, count: 100) + shapes.flatMap { $0 } + indices)
      + Batches.column(6, 7, [5] + Batches.varint(UInt64(value.count)) + value)
    let batch = try Batch(wholeOf: ByteString(Batches.batch(count: 65_536, payload: payload, flags: 4)))
    var checker = BatchChecker()
    var decoder = BatchDecoder()
    guard fits else {
      #expect(throws: WireDecodingError.self) { try checker.check(appended: batch) }
      #expect(throws: WireDecodingError.self) { try decoder.entries(of: batch) }
      return
    }
    try checker.check(appended: batch)
    let entries = try decoder.entries(of: batch)
    #expect(entries[65_535].attributes.count == 1)
    #expect(entries[0].attributes.first?.value == entries[65_535].attributes.first?.value)
  }

  @Test func `a constant row that does not fit an unused row of keys is accepted`() throws {
    // Keys: a dictionary of ["a"] and ["a", "b"], of which only the first is used.
    let payload =
      Batches.column(5, 6, [2, 2, 4] + [1, 97] + [1, 97, 1, 98] + [0, 0])
      + Batches.column(6, 7, [5, 1, 0])
    let batch = try Batch(wholeOf: ByteString(Batches.batch(count: 2, payload: payload, flags: 4)))
    var checker = BatchChecker()
    try checker.check(appended: batch)
    var decoder = BatchDecoder()
    #expect(try decoder.entries(of: batch).map(\.attributes) == Array(repeating: [LogAttribute("a", .empty)], count: 2))
  }

  @Test func `an offset column alone does not move entries out of their span`() throws {
    let payload = Batches.column(8, 4, [0, 200, 1])
    var bytes = Batches.batch(count: 2, payload: payload, flags: 5)
    Frames.store(UInt64(1), &bytes, 8)
    Frames.store(UInt32(3), &bytes, 24)
    Batches.sign(&bytes, seed: 1)
    let batch = try Batch(wholeOf: ByteString(bytes))
    #expect(throws: WireDecodingError.self) {
      var decoder = BatchDecoder()
      _ = try decoder.entries(of: batch)
    }
  }
}

@Suite struct `Hostile frames` {
  /// Frames of all types to start from.
  private static func corpus(_ random: inout SeededGenerator) -> [OutgoingFrame] {
    (0..<4).flatMap { _ in RandomValues.messages(&random).map { $0.frame(id: 0) } }
  }

  /// A signed frame with something wrong or unusual inside.
  private static func frame(
    _ corpus: [OutgoingFrame], _ random: inout SeededGenerator, ids: ClosedRange<UInt32> = 0...20
  ) -> [UInt8] {
    let frame = corpus[Int.random(in: 0..<corpus.count, using: &random)]
    var head = Array(frame.head.array.prefix(20))
    var control = Array(frame.head.array.dropFirst(20))
    if random.chance(3), control.count < 60_000 {
      control += [UInt8.random(in: 0...4, using: &random), random.chance(3) ? 0x80 : 0]
      let content = random.bytes(Int.random(in: 0...24, using: &random))
      control += [UInt8(random.chance(5) ? 0xff : content.count), 0] + content
    }
    if !random.chance(5) { Mutation.mutate(&control, in: 0..<control.count, &random) }
    if random.chance(4) { Mutation.resize(&control, in: 0..<control.count, &random) }
    if random.chance(8) { head[4] = UInt8.random(in: 0...255, using: &random) }
    if random.chance(10) { head[5] = UInt8.random(in: 0...255, using: &random) }
    let batches = frame.batches.array
    Frames.store(UInt32.random(in: ids, using: &random), &head, 8)
    Frames.store(UInt32(control.count + batches.count), &head, 0)
    Frames.store(UInt32(control.count), &head, 12)
    if random.chance(20) { Mutation.mutate(&head, in: 0..<20, &random) }
    var bytes = head + control + batches
    Frames.sign(&bytes)
    return bytes
  }

  @Test(arguments: TestSeeds.first(20)) func `a mutated frame is refused, or means the same when it is sent again`(
    _ seed: UInt64
  ) throws {
    var random = SeededGenerator(seed: seed)
    let corpus = Self.corpus(&random)
    var accepted = 0
    for round in 0..<1500 {
      let bytes = Self.frame(corpus, &random)
      guard let frames = try? Frames.decode(bytes) else { continue }
      for frame in frames {
        guard let message = try? Message(decoding: frame) else { continue }
        accepted += 1
        let sent = Frames.bytes(message.frame(id: frame.id))
        let again = try Frames.messages(sent).map { Frames.bytes($0.frame(id: frame.id)) }
        if again != [sent] { Issue.record("\(TestSeeds.replay(seed, "HostileBytes")): round \(round)") }
      }
    }
    #expect(accepted > 100)
  }

  @Test(arguments: TestSeeds.first(20)) func `a server survives hostile frames and stays within its limits`(
    _ seed: UInt64
  ) {
    var random = SeededGenerator(seed: seed)
    let corpus = Self.corpus(&random)
    for _ in 0..<100 {
      let configuration = ServerSession.Configuration(
        welcome: Sample.welcome(appendBytes: 2000, appendBatches: 4, subscriptions: 3), handshakeMillisecondsMax: 1000)
      var server = ServerSession(configuration: configuration, now: .zero)
      if !random.chance(10) { server.receive([ClientSession.hello(client: "c", token: "t")]) }
      var requests = 0
      for _ in 0..<30 {
        var bytes = Self.frame(corpus, &random, ids: random.chance(2) ? 1...4 : 1...1000)
        if random.chance(10) { bytes.removeLast(Int.random(in: 0...bytes.count, using: &random)) }
        for action in server.receive(bytes) {
          switch action {
          case .list, .stat, .delete: requests += 1
          case .follow(let id, _):
            if random.chance(2) { _ = server.tell(id, .live) }
          case .append(let id, _):
            if random.chance(2) { _ = server.refuse(id, Refusal(.badBatch, "no")) }
          default: break
          }
        }
        let (appends, subscriptions) = (server.appendCount, server.subscriptionCount)
        if appends > 4 || subscriptions > 3 || requests > 64 { Issue.record(TestSeeds.replay(seed, "HostileBytes")) }
        if server.isClosed { break }
      }
    }
  }

  @Test(arguments: TestSeeds.first(20)) func `a client survives hostile frames`(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let corpus = Self.corpus(&random)
    let run = try Sample.run(1, 3).array
    for _ in 0..<100 {
      var client = ClientSession(handshakeMillisecondsMax: 1000, now: .zero)
      if !random.chance(10) { client.receive(Sample.welcome()) }
      if client.isOpen {
        let position = random.chance(2) ? 0 : 3
        for _ in 0..<3 { _ = client.follow(Sample.follow(start: .from(UInt64(position) + 1))) }
        for number in 1...3 {
          _ = client.append(Sample.append(number: UInt64(number)), entryCount: number)
        }
        _ = (client.list(ListRequest()), client.stat(), client.delete(DeleteRequest(stream: Sample.web)))
        client.receive([
          Message.stream(Sample.announcement(position: UInt64(position))).frame(id: 1),
          Message.resolved(streamCount: 1).frame(id: 1),
        ])
      }
      for _ in 0..<30 {
        var bytes = Self.frame(corpus, &random, ids: 0...8)
        if random.chance(4) {
          // Almost correct: the expected run, with something changed and signed again.
          var batches = run
          if random.chance(2) { Mutation.mutate(&batches, in: 0..<batches.count, &random) }
          Batches.sign(&batches, seed: random.chance(4) ? nil : Sample.seed)
          let range = BatchRange(handle: 1, from: UInt64.random(in: 1...3, using: &random), to: 3)
          bytes = Frames.bytes(Message.batch(range, batches: ByteString(batches)).frame(id: 1))
        }
        for event in client.receive(bytes) {
          guard case .delivered(_, let delivery) = event else { continue }
          var decoder = BatchDecoder()
          for batch in delivery.batches { _ = try? decoder.entries(of: batch) }
        }
        if client.isClosed { break }
      }
    }
  }

  @Test(arguments: TestSeeds.first(20)) func `garbage is refused at its first 20 bytes`(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<200 {
      var server = ServerSession(
        configuration: .init(welcome: Sample.welcome(), handshakeMillisecondsMax: 1000), now: .zero)
      #expect(server.receive(random.bytes(19)).isEmpty)
      let actions = server.receive(random.bytes(1))
      // One in 65,536 headers would pass its check; none of these seeds has one.
      let isClosed = server.isClosed
      #expect(isClosed && actions.count == 2, TestSeeds.replay(seed, "HostileBytes"))
    }
  }
}
