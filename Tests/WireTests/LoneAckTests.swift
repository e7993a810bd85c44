import Testing

@testable import LogsSimulation
@testable import LogsWire

/// The short way of an ACK: it takes what `receive` would take in the same way, and leaves everything else to that.
@Suite struct LoneAckTests {
  /// A session with two appends of 1 and 3 entries in flight.
  private func session() -> ClientSession {
    var session = ClientSession(handshakeMillisecondsMax: 1000, now: .milliseconds(0))
    session.receive(Sample.welcome())
    _ = session.append(Sample.append(number: 1), entryCount: 1)
    _ = session.append(Sample.append(number: 2), entryCount: 3)
    return session
  }

  private func ack(
    first: UInt64 = 7, count: UInt64 = 1, of appendCount: UInt32 = 1, isDuplicate: Bool = false
  ) -> Message {
    var ack = Ack(isDuplicate: isDuplicate, incarnation: Incarnation(5), firstSequence: first, count: count)
    ack.appendCount = appendCount
    return .ack(ack)
  }

  /// What either way makes of the bytes; nil if the short one leaves them.
  private func taken(_ bytes: [UInt8]) -> (short: String?, long: [String]) {
    var short = session()
    var long = session()
    let taken = short.receiveAck(ByteString(bytes).span, now: .milliseconds(10))
    return (
      taken.map { ClientSession.Event.acknowledged(id: $0.id, $0.1).shown }, long.receive(bytes, at: 10).map(\.shown)
    )
  }

  @Test(arguments: [false, true]) func `an ACK of one append is taken as in general`(isDuplicate: Bool) {
    for (id, count): (UInt32, UInt64) in [(1, 1), (2, 3)] {
      let taken = taken(Frames.bytes(ack(count: count, isDuplicate: isDuplicate).frame(id: id)))
      #expect(taken.long.count == 1)
      #expect(taken.short == taken.long.first)
    }
  }

  @Test func `an append is acknowledged once, and its credit is free again`() {
    var session = ClientSession(handshakeMillisecondsMax: 1000, now: .milliseconds(0))
    session.receive(Sample.welcome(appendBytes: 100, appendBatches: 2))
    let bytes = Frames.bytes(ack().frame(id: 1))
    #expect(session.receiveAck(ByteString(bytes).span, now: .milliseconds(1)) == nil)
    _ = session.append(Sample.append(batch: ByteString([UInt8](repeating: 0, count: 80))), entryCount: 1)
    _ = session.append(Sample.append(number: 2), entryCount: 1)
    #expect(session.canAppend(byteCount: 100) == false)
    #expect(session.receiveAck(ByteString(bytes).span, now: .milliseconds(2))?.id == 1)
    #expect(session.canAppend(byteCount: 100) == true)
    #expect(session.receiveAck(ByteString(bytes).span, now: .milliseconds(3)) == nil)
    #expect(session.receive(bytes, at: 4).last?.shown.hasPrefix("failed") == true)
  }

  @Test func `what is not the answer to one append alone is left`() {
    let whole = Frames.bytes(ack().frame(id: 1))
    let others: [(String, [UInt8])] = [
      ("another id", Frames.bytes(ack().frame(id: 3))), ("a wrong count", Frames.bytes(ack(count: 2).frame(id: 1))),
      ("a run", Frames.bytes(ack(count: 4, of: 2).frame(id: 1))),
      ("no number", Frames.bytes(ack(first: 0).frame(id: 1))),
      ("two frames", whole + Frames.bytes(ack(count: 3).frame(id: 2))), ("a part", Array(whole.dropLast())),
      ("a PING", Frames.bytes(Message.ping(1).frame(id: 0))), ("nothing", []),
    ]
    for (name, bytes) in others { #expect(taken(bytes).short == nil, "\(name)") }
  }

  @Test func `every flipped bit is left, and fails in general`() {
    let whole = Frames.bytes(ack().frame(id: 1))
    for bit in 0..<whole.count * 8 {
      var bytes = whole
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(taken(bytes).short == nil, "bit \(bit)")
    }
  }

  @Test func `an ACK in pieces is left from its first piece on`() {
    let whole = Frames.bytes(ack().frame(id: 1))
    for length in 1..<whole.count {
      var session = session()
      #expect(session.receive(Array(whole[..<length]), at: 1).isEmpty)
      // Bytes that would be one by themselves are the rest of that one.
      #expect(session.receiveAck(ByteString(whole).span, now: .milliseconds(2)) == nil)
      #expect(session.receive(Array(whole[length...]), at: 2).map(\.shown) == taken(whole).long)
    }
  }
}
