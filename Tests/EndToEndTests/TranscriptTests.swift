import Glibc
import LogsSimulation
import LogsWire
import Testing

/// The transcript of a whole connection (`spec/vectors/sessions`), replayed with the real server.
@Suite(.ownThread) struct TranscriptTests {
  @Test func `the server answers the transcript's client as in the transcript`() throws {
    try Scene.play { scene in
      let server = try TestServer(scene)
      let client = try RawClient(server.url)
      for line in try SessionVector("append-and-follow").lines {
        switch (line.side, line.message) {
        // Neither side is quiet for that long here.
        case (_, .ping), (_, .pong): continue
        case (.client, _): try client.send(bytes: line.bytes)
        case (.server, .ack(let ack)): try expect(ack, line.id, client)
        case (.server, .batch(let range, let batches)): try expect(range, batches, line.id, client)
        case (.server, _):
          if case .goAway = line.message { server.process.signal(SIGTERM) }
          let received = try client.receive()
          #expect(received.id == line.id)
          #expect(Self.shown(received.message) == Self.shown(line.message))
        }
      }
      #expect(try client.receiveOrEnd() == nil)
    }
  }

  /// A run of appends may be answered by one ACK or by several.
  private func expect(_ expected: Ack, _ id: UInt32, _ client: RawClient) throws {
    var found = Ack(isDuplicate: expected.isDuplicate, incarnation: .any, firstSequence: 0, count: 0)
    found.appendCount = 0
    while found.appendCount < expected.appendCount {
      let received = try client.receive()
      guard case .ack(let ack) = received.message else { throw Failure("\(received.message.type) in place of ACK") }
      #expect(received.id == id + found.appendCount && ack.isDuplicate == expected.isDuplicate)
      if found.appendCount == 0 { found.firstSequence = ack.firstSequence }
      #expect(ack.firstSequence == found.firstSequence + found.count)
      found.appendCount += ack.appendCount
      found.count += ack.count
    }
    #expect(found.firstSequence == expected.firstSequence && found.count == expected.count)
  }

  /// A range may come in one frame or in several.
  private func expect(_ expected: BatchRange, _ batches: ByteString, _ id: UInt32, _ client: RawClient) throws {
    var entries: [String] = []
    var next = expected.from
    while next <= expected.to {
      let received = try client.receive()
      guard case .batch(let range, let run) = received.message else {
        throw Failure("\(received.message.type) in place of BATCH")
      }
      #expect(received.id == id && range.handle == expected.handle && range.from == next && range.to <= expected.to)
      entries += try Self.entries(of: run, range)
      next = range.to + 1
    }
    #expect(try entries == Self.entries(of: batches, expected))
  }

  private static func entries(of run: ByteString, _ range: BatchRange) throws -> [String] {
    var decoder = BatchDecoder()
    return try Batch.run(run).flatMap { try decoder.entries(of: $0) }.filter {
      range.from <= $0.sequence && $0.sequence <= range.to
    }.map { "\($0.sequence) \($0.time) \($0.severity.number) \($0.kind) \($0.message.text)" }
  }

  /// The parts that are neither random, nor a time, nor text for people.
  private static func shown(_ message: Message) -> String {
    switch message {
    case .welcome(let welcome): "\(message.type) \(welcome.version)"
    case .error(let refusal): "\(message.type) \(refusal.code) \(refusal.isRetryable) \(refusal.mayHaveTakenEffect)"
    case .stream(let told):
      "\(message.type) \(told.handle) \(told.stream) \(told.isSealed) \(told.position) \(told.head)"
    case .resolved(let count): "\(message.type) \(count)"
    case .end(let reason): "\(message.type) \(reason)"
    case .listing(let listing):
      "\(message.type) \(listing.hasMore) "
        + listing.streams.map { "\($0.stream) \($0.first) \($0.head) \($0.entryCount) \($0.isSealed)" }.joined()
    default: "\(message.type)"
    }
  }
}
