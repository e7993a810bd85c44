import Testing

@testable import LogsSimulation
@testable import LogsWire

/// DELETE and DELETED in the sessions of both ends.
@Suite struct `Deletions on the wire` {
  private static let request = DeleteRequest(stream: Sample.web)
  private static let summary = DeletionSummary(
    incarnation: Sample.incarnation, numbers: 1...9, entryCount: 5, byteCount: 500)
  private static let end = ["send error protocol_violation", "close"]
  private static let failed = ["send error protocol_violation", "failed protocol_violation"]

  private func server(isOpen: Bool = true) -> ServerSession {
    var session = ServerSession(
      configuration: .init(welcome: Sample.welcome(), handshakeMillisecondsMax: 500), now: .zero)
    if isOpen { session.receive([ClientSession.hello(client: "c", token: "t")]) }
    return session
  }

  private func client(isOpen: Bool = true) -> ClientSession {
    var session = ClientSession(handshakeMillisecondsMax: 500, now: .zero)
    if isOpen { session.receive(Sample.welcome()) }
    return session
  }

  // MARK: - The server

  @Test func `a server takes DELETE on a free id after the handshake, and sends one answer`() {
    var session = server(isOpen: false)
    #expect(session.receive(.delete(Self.request), id: 1).map(\.shown) == Self.end)
    session = server()
    #expect(session.receive(.delete(Self.request), id: 0).map(\.shown) == Self.end)
    session = server()
    #expect(session.receive(.deleted(Self.summary), id: 1).map(\.shown) == Self.end)

    session = server()
    #expect(session.receive(.delete(Self.request), id: 1).map(\.shown) == ["delete 1 web"])
    #expect(session.isAllAnswered == false)
    // No such request can be cancelled.
    #expect(session.receive(.cancel, id: 1).isEmpty)
    #expect(session.answer(1, .deleted(Self.summary)).map(Shown.frame) == "deleted 1")
    #expect(session.answer(1, .deleted(Self.summary)) == nil)
    #expect(session.isAllAnswered == true)
    #expect(session.receive(.delete(Self.request), id: 1).map(\.shown) == ["delete 1 web"])
    #expect(session.refuse(1, Refusal(.unknownStream, "")).map(Shown.frame) == "error 1 unknown_stream")
    #expect(session.refuse(1, Refusal(.unknownStream, "")) == nil)
  }

  @Test(arguments: [
    Message.append(Sample.append()), .follow(Sample.follow()), .list(ListRequest()), .stat, .query(Sample.query()),
  ])
  func `an id is busy while its DELETE has no answer, and the other way round`(_ other: Message) {
    var session = server()
    session.receive(.delete(Self.request), id: 9)
    #expect(session.receive(other, id: 9).map(\.shown) == Self.end)
    session = server()
    session.receive(other, id: 9)
    #expect(session.receive(.delete(Self.request), id: 9).map(\.shown) == Self.end)
  }

  @Test func `a malformed DELETE costs only the request`() {
    let good = Array(Message.delete(Self.request).frame(id: 1).head.array.dropFirst(20))
    func changed(_ offset: Int, _ byte: UInt8) -> [UInt8] {
      var control = good
      control[offset] = byte
      return control
    }
    // Flags, zero bytes, a range that begins or ends nowhere, a number above the highest, the name.
    let bad = [
      [], good.dropLast(), changed(0, 2), changed(0, 0x80), changed(7, 1), changed(16, 1), changed(24, 1),
      changed(31, 0x80), changed(32, 0), changed(33, UInt8(ascii: " ")), changed(33, UInt8(ascii: "*")),
    ]
    for control in bad {
      var session = server()
      let frame = Frames.frame(type: 44, id: 5, control: control)
      #expect(session.receive(frame).map(\.shown) == ["send error 5 bad_request"], "\(control)")
      #expect(session.receive(.delete(Self.request), id: 5).map(\.shown) == ["delete 5 web"])
      #expect(session.receive(frame).map(\.shown) == Self.end)
    }
    var session = server()
    let critical = Frames.frame(type: 44, id: 5, control: good + [9, 0x80, 0, 0])
    #expect(session.receive(critical).map(\.shown) == ["send error 5 unsupported"])
  }

  @Test func `DELETE counts as a request in flight, and a draining server takes none`() {
    var session = server()
    for id: UInt32 in 1...64 {
      #expect(session.receive(id % 2 == 0 ? .stat : .delete(Self.request), id: id).count == 1)
    }
    #expect(session.receive(.delete(Self.request), id: 65).map(\.shown) == ["send error 65 overloaded"])
    #expect(session.answer(1, .deleted(Self.summary)) != nil)
    #expect(session.receive(.delete(Self.request), id: 65).map(\.shown) == ["delete 65 web"])
    #expect(session.drain(GoAway(retryAfterMilliseconds: 5, text: "")).map(\.shown) == ["send goAway"])
    #expect(session.receive(.delete(Self.request), id: 66).map(\.shown) == ["send error 66 going_away"])
    #expect(session.answer(65, .deleted(Self.summary)).map(Shown.frame) == "deleted 65")
  }

  // MARK: - The client

  @Test func `a client accepts DELETED only for an id that waits for it`() {
    var session = client(isOpen: false)
    #expect(session.receive([Message.deleted(Self.summary).frame(id: 1)]).map(\.shown) == Self.failed)
    session = client()
    #expect(session.receive([Message.deleted(Self.summary).frame(id: 1)]).map(\.shown) == Self.failed)
    session = client()
    #expect(session.receive([Message.delete(Self.request).frame(id: 1)]).map(\.shown) == Self.failed)

    session = client()
    let (first, frame) = session.delete(Self.request)
    #expect(first == 1 && Shown.frame(frame) == "delete 1")
    _ = session.delete(Self.request)
    let answers = [Message.error(Refusal(.forbidden, "")).frame(id: 2), Message.deleted(Self.summary).frame(id: 1)]
    #expect(session.receive(answers).map(\.shown) == ["refused 2 forbidden", "deleted 1 5"])
    #expect(session.receive([Message.deleted(Self.summary).frame(id: 1)]).map(\.shown) == Self.failed)
  }

  @Test func `DELETE is one of the requests that a connection may have in flight`() {
    var session = client()
    for _ in 1...64 { _ = session.delete(Self.request) }
    #expect(session.canRequest == false)
    session.receive([Message.deleted(Self.summary).frame(id: 64)])
    #expect(session.canRequest == true)
  }

  @Test func `a count that does not fit its range is malformed`() {
    for (numbers, count) in [(nil, 1), (1...9, 0), (1...9, 10)] as [(ClosedRange<UInt64>?, UInt64)] {
      var session = client()
      _ = session.delete(Self.request)
      let summary = DeletionSummary(incarnation: .any, numbers: numbers, entryCount: count, byteCount: 0)
      #expect(session.receive([Message.deleted(summary).frame(id: 1)]).map(\.shown) == Self.failed)
    }
  }
}
