import Testing

@testable import LogsSimulation
@testable import LogsWire

/// Both ends of a connection agree on which dictionaries the client still has.
@Suite struct ConnectionDictionaryTests {
  private static func dictionary(_ number: Int) throws -> BatchDictionary {
    let line = "GET /static/image-\(number).png answered 200\n"
    return try BatchDictionary(content: ByteString(String(repeating: line, count: 20)))
  }

  private static let texts = (0..<20).map { "GET /static/image-\($0).png answered 200" }

  private static func delivery(_ sequence: UInt64, _ dictionary: BatchDictionary) throws -> OutgoingFrame {
    var merger = BatchMerger(level: 3, dictionary: dictionary, seed: 1)
    let entries = texts.map { LogEntry(message: ByteString($0)) }
    let batch = try Batches.numbered(entries, first: sequence, seed: Sample.seed)
    let outcome = try merger.add(BatchRows(batch, BatchUnpacker()))
    #expect(outcome == .added)
    let finished = merger.finish(seed: Sample.seed)
    let merged = try #require(finished)
    #expect(merged.header.codec == .zstdDictionary)
    let range = BatchRange(handle: 1, from: sequence, to: merged.header.lastSequence)
    return Message.batch(range, batches: merged.bytes).frame(id: 1)
  }

  private static func follower() -> ClientSession {
    var session = ClientSession(handshakeMillisecondsMax: 500, now: .zero)
    session.receive(Sample.welcome())
    _ = session.follow(Sample.follow())
    session.receive([
      Message.stream(Sample.announcement(head: 100)).frame(id: 1), Message.resolved(streamCount: 1).frame(id: 1),
    ])
    return session
  }

  @Test func `a client keeps the dictionaries that came last, and reads with them`() throws {
    var client = Self.follower()
    for number in 1...Limits.dictionaryCountMax {
      client.receive([Message.dictionary(try Self.dictionary(number)).frame(id: 0)])
    }
    var decoder = BatchDecoder()
    var found: [String] = []
    for event in client.receive([try Self.delivery(1, Self.dictionary(1))]) {
      guard case .delivered(_, let delivery) = event else { continue }
      for batch in delivery.batches { found += try decoder.entries(of: batch).map(\.text) }
    }
    #expect(found == Self.texts)
    client.receive([Message.dictionary(try Self.dictionary(17)).frame(id: 0)])
    let late = client.receive([try Self.delivery(21, Self.dictionary(2))])
    #expect(late.map(\.shown) == ["delivered 1 21-40"])
    // It was the first to come, and is forgotten.
    let forgotten = client.receive([try Self.delivery(41, Self.dictionary(1))])
    #expect(forgotten.map(\.shown) == ["send error protocol_violation", "failed protocol_violation"])
  }

  @Test func `a server sends a dictionary once, and again once the client has forgotten it`() throws {
    let configuration = ServerSession.Configuration(welcome: Sample.welcome(), handshakeMillisecondsMax: 500)
    var server = ServerSession(configuration: configuration, now: .zero)
    server.receive([ClientSession.hello(client: "c", token: "")])
    _ = server.decide(.accepted, now: .zero)
    let takesDictionaries = server.takesDictionaries
    #expect(takesDictionaries)
    let first = try Self.dictionary(1)
    func isSent(_ dictionary: BatchDictionary, by server: inout ServerSession) -> Bool {
      server.introduce(dictionary) != nil
    }
    #expect(isSent(first, by: &server) == true)
    for number in 1...Limits.dictionaryCountMax {
      let sent = isSent(try Self.dictionary(number), by: &server)
      #expect(sent == (number > 1))
    }
    #expect(isSent(first, by: &server) == false)
    #expect(isSent(try Self.dictionary(17), by: &server) == true)
    #expect(isSent(first, by: &server) == true)
  }

  @Test func `a batch that is compressed anew says the same, but for flags that mean nothing`() throws {
    let entries = [LogEntry(message: ByteString(Self.texts.joined(separator: ", ")), time: 7)]
    let made = try Batches.numbered(entries, first: 5, seed: Sample.seed)
    var header = made.header
    header.flags = BatchHeader.Flags(rawValue: header.flags.rawValue | 0xff00)
    let batch = Batch(unnumbered: header, payload: made.payload.span)
      .numbered(firstSequence: 5, received: 9, seed: Sample.seed)
    let recoded = try BatchRecoder(Self.dictionary(1)).recode(batch, seed: Sample.seed)
    #expect(recoded.bytes.count < batch.bytes.count && recoded.header.codec == .zstdDictionary)
    #expect(recoded.header.flags == [.reencoded] && recoded.hasValidServerCheck(seed: Sample.seed))
    #expect(recoded.header.firstSequence == 5 && recoded.header.received == 9 && recoded.header.span == 1)
    var decoder = BatchDecoder()
    #expect(try decoder.entries(of: recoded) == decoder.entries(of: batch))
    var checker = BatchChecker()
    try checker.check(numbered: recoded)
    // What would not get smaller stays as it is.
    let small = try Batches.numbered([LogEntry(message: ByteString("x"))], first: 1, seed: Sample.seed)
    #expect(try BatchRecoder(Self.dictionary(1)).recode(small, seed: Sample.seed).bytes == small.bytes)
  }

  @Test func `a client that has not said so takes no dictionaries`() {
    let configuration = ServerSession.Configuration(welcome: Sample.welcome(), handshakeMillisecondsMax: 500)
    var server = ServerSession(configuration: configuration, now: .zero)
    server.receive([ClientSession.hello(client: "c", token: "", features: [])])
    _ = server.decide(.accepted, now: .zero)
    let takesDictionaries = server.takesDictionaries
    #expect(!takesDictionaries)
  }
}
