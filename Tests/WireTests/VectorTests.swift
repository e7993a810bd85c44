import Testing

@testable import LogsSimulation
@testable import LogsWire

@Suite struct `Golden vectors` {
  /// Why an accepted vector is not encoded to the same bytes again.
  static let changed: [String: String] = [
    "error-stream-replaced": "ignored flags are not kept",
    "extension-unknown": "unknown extensions are not kept",
    "extensions-64": "unknown extensions are not kept",
    "frame-ignored-flags": "ignored flags are not kept",
    "goaway-unknown-advice": "unknown advice counts as none",
    "listing-later-fields": "later fields are not kept",
    "result-ignored-flags": "ignored flags are not kept",
    "text-not-utf8": "what is not UTF-8 is replaced",
    "skip-unknown-reason": "an unknown reason counts as lost",
    "stream-unknown-state": "an unknown state counts as open",
  ]

  @Test func `there are vectors of every kind`() {
    #expect(Vector.valid.count >= 70)
    #expect(Vector.invalid.count >= 300)
    for kind in [Vector.Kind.frame, .batch, .numbered, .run] {
      #expect(Vector.valid.contains { $0.kind == kind })
      #expect(Vector.invalid.contains { $0.kind == kind })
    }
  }

  @Test(arguments: Vector.valid) func `a valid vector is accepted and means what the reference says`(
    _ vector: Vector
  ) throws {
    switch vector.kind {
    case .frame:
      let frames = try Frames.decode(vector.bytes)
      if vector.name == "frame-unknown-type" { return #expect(frames.isEmpty) }
      let frame = try #require(frames.first)
      let again = Frames.bytes(try Message(decoding: frame).frame(id: frame.id))
      #expect((again == vector.bytes) == (Self.changed[vector.name] == nil))
    case .batch:
      let batch = try Batch(wholeOf: ByteString(vector.bytes))
      var checker = BatchChecker()
      try checker.check(appended: batch)
      try expectEntries(of: [batch], vector)
    case .numbered:
      let batch = try Batch(wholeOf: ByteString(vector.bytes))
      let seed = BatchHeader.serverSeed(stream: vector.stream, incarnation: vector.incarnation)
      #expect(batch.hasValidServerCheck(seed: seed))
      var checker = BatchChecker()
      try checker.check(numbered: batch)
      try expectEntries(of: [batch], vector)
      let header = batch.header
      var again = ByteWriter()
      batch.appendNumbered(
        firstSequence: header.firstSequence, received: header.received, span: header.span, seed: seed, to: &again)
      #expect(again.finish().array == Array(vector.bytes))
    case .run:
      try expectEntries(of: try #require(try Self.delivery(of: vector.bytes, vector)).batches, vector)
    }
  }

  /// Decodes the entries, compares them, and builds them again: the result must be the same entries.
  private func expectEntries(of batches: [Batch], _ vector: Vector) throws {
    var decoder = BatchDecoder()
    let entries = try batches.map { try decoder.entries(of: $0) }
    var expected = EntryText.lines(printed: vector.expected)
    // An unknown kind is read as log.
    if vector.name == "numbered-kind-unknown" { expected = expected.map { $0.replacing("kind=9", with: "kind=0") } }
    let lines = zip(batches, entries).flatMap { batch, entries in
      EntryText.lines(entries, showsReceived: batch.header.flags.haveReceivedTimes)
    }
    #expect(lines == expected)
    for (batch, entries) in zip(batches, entries) {
      #expect(entries.count == Int(batch.header.count))
      var header = ByteWriter()
      batch.header.encode(into: &header)
      // Flags 8 to 15 are ignored, and kept.
      #expect(header.finish().array == batch.bytes[0..<BatchHeader.byteCount].array)
      guard batch.header.rawLength < UInt32(BatchBuilder.payloadByteCountMax) else { continue }
      // The builder shares sources and attributes among entries, not messages.
      guard entries.reduce(0, { $0 + $1.message.count }) < BatchBuilder.payloadByteCountMax else { continue }
      var plain = entries
      for index in plain.indices {
        plain[index].sequence = 0
        plain[index].received = 0
      }
      var again = try decoder.entries(of: try Batches.built(plain))
      for index in again.indices { again[index].sequence = 0 }
      // NaN is not equal to itself; the printed form has the bits.
      #expect(EntryText.lines(again) == EntryText.lines(plain))
    }
  }

  @Test(arguments: Vector.invalid) func `an invalid vector is refused with the named error`(_ vector: Vector) throws {
    switch vector.kind {
    case .frame:
      let refusal = #expect(throws: Refusal.self) {
        let frames = try Frames.decode(vector.bytes)
        for frame in frames {
          _ = try Message(decoding: frame)
          // Of requests the session looks at the id.
          if vector.fields["step"] == "id", let refusal = Self.refusal(of: vector.bytes) { throw refusal }
        }
        // A cut frame yields nothing, however long one waits.
        if frames.isEmpty { throw Refusal(.protocolViolation, "nothing was decoded") }
      }
      #expect(refusal?.code.description == vector.fields["error"])
    case .batch:
      #expect(throws: WireDecodingError.self) {
        var checker = BatchChecker()
        try checker.check(appended: try Batch(wholeOf: ByteString(vector.bytes)))
      }
    case .numbered where vector.name == "numbered-codec-2":
      // Of clients that have not announced that they read such batches; this one has (`ConnectionDictionaryTests`).
      break
    case .numbered:
      // As in a BATCH frame for exactly the numbers that the batch claims.
      let first = min(max(Frames.load(vector.bytes, 8, UInt64.self), 1), Limits.numberMax)
      let span = UInt64(max(Frames.load(vector.bytes, 24, UInt32.self), 1))
      let range = BatchRange(handle: 1, from: first, to: min(first + (span - 1), Limits.numberMax))
      let frame = Message.batch(range, batches: ByteString(vector.bytes)).frame(id: 7)
      #expect(Self.answer(to: Frames.bytes(frame), vector) == vector.fields["error"])
    case .run: #expect(Self.answer(to: vector.bytes, vector) == vector.fields["error"])
    }
  }

  /// The ERROR with which a server ends a connection because of a frame.
  private static func refusal(of frame: [UInt8]) -> Refusal? {
    var session = ServerSession(
      configuration: .init(welcome: Sample.welcome(), handshakeMillisecondsMax: 500), now: .zero)
    session.receive([ClientSession.hello(client: "c", token: "")])
    let sent = session.receive(frame).compactMap { if case .send(let frame) = $0 { frame } else { nil } }
    guard session.isClosed, let last = sent.last, let message = try? Frames.messages(Frames.bytes(last)).first,
      case .error(let refusal) = message
    else { return nil }
    return refusal
  }

  /// A client's error for a BATCH frame, in the words of the vectors' README; nil if it accepts the frame.
  private static func answer(to frame: [UInt8], _ vector: Vector) -> String? {
    do {
      guard let delivery = try delivery(of: frame, vector) else { return "nothing was delivered" }
      var checker = BatchChecker()
      for batch in delivery.batches { try checker.check(numbered: batch) }
      return nil
    } catch is WireDecodingError {
      return "bad_batch"
    } catch let refusal as Refusal {
      return refusal.code == .protocolViolation ? "gap" : refusal.code.description
    } catch { return "\(error)" }
  }

  @Test(arguments: ["columns-expands-above-64-mib", "columns-expands-by-attributes"])
  func `a reader takes no memory for a batch that no server may accept`(_ name: String) throws {
    let vector = try #require(Vector.invalid.first { $0.name == name })
    var decoder = BatchDecoder()
    let error = #expect(throws: WireDecodingError.self) {
      try decoder.entries(of: try Batch(wholeOf: ByteString(vector.bytes)))
    }
    #expect(error?.reason.contains("expand") == true)
  }

  @Test(arguments: Vector.all) func `a refused batch never makes its reader crash`(_ vector: Vector) throws {
    guard vector.kind == .batch || vector.kind == .numbered else { return }
    guard let batch = try? Batch(wholeOf: ByteString(vector.bytes)) else { return }
    var decoder = BatchDecoder()
    _ = try? decoder.entries(of: batch)
    _ = try? decoder.effectiveTimes(of: batch)
    _ = batch.header.lastSequence
    _ = batch.header.effectiveTimes
  }

  /// A client's reaction to a BATCH frame for a stream whose delivery starts at the frame's `from`.
  private static func delivery(of bytes: [UInt8], _ vector: Vector) throws -> ClientSession.Delivery? {
    let frame = try Frames.decode(bytes)
    guard let id = frame.first?.id, case .batch(let range, _)? = try frame.first.map(Message.init) else { return nil }
    var client = ClientSession(handshakeMillisecondsMax: 1000, now: .zero)
    client.receive(Sample.welcome())
    var follow: UInt32 = 0
    let wanted = Sample.follow([.stream(vector.stream)], start: .from(range.from))
    while follow != id { follow = client.follow(wanted).id }
    client.receive([
      Message.stream(
        Announcement(
          handle: range.handle, isSealed: false, incarnation: vector.incarnation, position: range.from - 1,
          head: range.to, stream: vector.stream)
      ).frame(id: id),
      Message.resolved(streamCount: 1).frame(id: id),
    ])
    for event in client.receive(ByteString(bytes).span, now: .zero) {
      switch event {
      case .delivered(_, let delivery): return delivery
      case .failed(let refusal), .refused(_, let refusal): throw refusal
      default: break
      }
    }
    return nil
  }
}

@Suite struct `Golden vectors in pieces` {
  private static let frames = Vector.valid.filter { $0.kind == .frame || $0.kind == .run }

  @Test func `valid frames end to end are decoded the same in any pieces`() throws {
    let whole = Self.frames.flatMap(\.bytes)
    let expected = try Frames.decode(whole).map { "\($0.type) \($0.id) \($0.control.array) \($0.batches.array)" }
    #expect(expected.count == Self.frames.count - 1)
    for pieces in [[1], [2], [19, 1], [20, 1, 1], [7, 4096, 3], [64 << 10]] {
      let found = try Frames.decode(whole, pieces: pieces).map {
        "\($0.type) \($0.id) \($0.control.array) \($0.batches.array)"
      }
      #expect(found == expected)
    }
  }

  @Test(arguments: Vector.all) func `a cut never yields a frame or a batch`(_ vector: Vector) throws {
    for length in 0..<vector.bytes.count {
      let cut = Array(vector.bytes[0..<length])
      switch vector.kind {
      case .frame, .run:
        // An invalid one may be refused early.
        let frames = (try? Frames.decode(cut)) ?? []
        if !frames.isEmpty { Issue.record("a frame of \(length) bytes") }
      case .batch, .numbered:
        // One whose length is too small is complete before its last byte.
        let isWhole = (try? Batch(wholeOf: ByteString(cut))) != nil
        if isWhole, vector.name != "columns-stored-short" { Issue.record("a batch of \(length) bytes") }
      }
    }
  }

  @Test(arguments: frames) func `a valid frame is complete with its last byte and not before`(_ vector: Vector) throws {
    var decoder = FrameDecoder(bodyByteCountMax: Limits.frameByteCountMax)
    for (index, byte) in vector.bytes.enumerated() {
      let piece = ByteString([byte])
      var offset = 0
      let frame = try decoder.next(from: piece.span, at: &offset)
      let isLast = index == vector.bytes.count - 1
      #expect((frame != nil) == (isLast && vector.name != "frame-unknown-type"))
      let isInside = decoder.isInsideFrame
      #expect(isInside == !isLast)
    }
  }

  @Test(arguments: Vector.valid) func `a flipped bit never goes unnoticed`(_ vector: Vector) throws {
    // The batch part of a frame has checks of its own.
    let isFrame = vector.kind == .frame || vector.kind == .run
    let end = isFrame ? 20 + Int(Frames.load(vector.bytes, 12, UInt32.self)) : vector.bytes.count
    for index in 0..<end {
      for bit in 0..<8 {
        var bytes = vector.bytes
        bytes[index] ^= 1 << bit
        let isUnseen: Bool
        if isFrame {
          isUnseen = (try? Frames.decode(bytes))?.isEmpty == false
        } else if let batch = try? Batch(wholeOf: ByteString(bytes)), batch.hasValidCheck {
          let seed = BatchHeader.serverSeed(stream: vector.stream, incarnation: vector.incarnation)
          isUnseen =
            vector.kind == .numbered ? batch.hasValidServerCheck(seed: seed) : bytes[0..<32].allSatisfy { $0 == 0 }
        } else {
          isUnseen = false
        }
        if isUnseen { Issue.record("bit \(bit) of byte \(index)") }
      }
    }
  }
}
