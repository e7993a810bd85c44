import Testing

@testable import LogsSimulation
@testable import LogsWire

/// AUTH and CHALLENGE, at both ends.
@Suite struct RenewalTests {
  private static let auth = Message.auth(token: "t")
  private static let challenge = Challenge(graceMilliseconds: 5, text: "soon")
  private static let end = ["send error protocol_violation", "close"]

  private static func server(takesChallenges: Bool = true) -> ServerSession {
    var session = ServerSession(
      configuration: .init(welcome: Sample.welcome(), handshakeMillisecondsMax: 500), now: .zero)
    session.receive([ClientSession.hello(client: "c", token: "t", features: takesChallenges ? [.challenges] : [])])
    return session
  }

  private static func client(_ features: UInt64 = Welcome.renewalFeature) -> ClientSession {
    var session = ClientSession(handshakeMillisecondsMax: 500, now: .zero)
    var welcome = Sample.welcome()
    welcome.features = features
    session.receive(welcome)
    return session
  }

  // MARK: - Server

  @Test func `one AUTH after the other, and a second one at once ends the connection`() {
    var session = Self.server()
    for id in 1...3 as ClosedRange<UInt32> {
      #expect(session.receive(Self.auth, id: id).map(\.shown) == ["renew \(id) t"])
      let refusal = Refusal(.unauthorized, "wrong")
      let answers = [
        id == 2 ? session.refuse(id, refusal) : session.answer(id, .authorized), session.answer(id, .authorized),
      ]
      #expect(answers.map { $0 == nil } == [false, true])
    }
    #expect(session.receive(Self.auth, id: 4).count == 1)
    #expect(session.receive(Self.auth, id: 5).map(\.shown) == Self.end)
    let late = session.answer(4, .authorized)
    #expect(late == nil)
  }

  @Test func `AUTH is answered before a client is done, and counts for no other limit`() {
    var session = Self.server()
    let others = 1...UInt32(Limits.requestCountMax)
    for id in others { session.receive(.stat, id: id) }
    #expect(session.receive(Self.auth, id: 100).map(\.shown) == ["renew 100 t"])
    for id in others { _ = session.answer(id, .status([])) }
    var isAllAnswered = [session.isAllAnswered]
    _ = session.answer(100, .authorized)
    isAllAnswered.append(session.isAllAnswered)
    #expect(isAllAnswered == [false, true])
  }

  @Test func `a server that stops takes no AUTH, and asks for none`() {
    var session = Self.server()
    session.receive(.append(Sample.append()), id: 7)
    _ = session.drain(GoAway(retryAfterMilliseconds: 0, text: ""))
    let challenge = session.challenge(Self.challenge)
    #expect(challenge == nil)
    #expect(session.receive(Self.auth, id: 1).map(\.shown) == ["send error 1 going_away"])
    #expect(session.receive(Self.auth, id: 1).map(\.shown) == ["send error 1 going_away"])
  }

  @Test func `CHALLENGE goes to clients that answer it, while the connection is open`() {
    var old = Self.server(takesChallenges: false)
    var session = Self.server()
    var early = ServerSession(
      configuration: .init(welcome: Sample.welcome(), handshakeMillisecondsMax: 500), now: .zero)
    var frames = [old.challenge(Self.challenge), session.challenge(Self.challenge), early.challenge(Self.challenge)]
    let hello = ClientSession.hello(client: "c", token: "t", features: [.challenges])
    _ = early.receive(ByteString(Frames.bytes(hello)).span, now: .zero)
    session.close()
    frames += [early.challenge(Self.challenge), session.challenge(Self.challenge)]
    #expect(frames.map { $0.map(Shown.frame) } == [nil, "challenge", nil, nil, nil])
  }

  // MARK: - Client

  @Test func `a client shows a token to servers that take it, one at a time`() {
    let others = [Self.client(0).canRenew, Self.client(Welcome.tokenCheckFeature).canRenew]
    #expect(others == [false, false])
    var session = Self.client()
    #expect(session.canRenew == true)
    let (id, frame) = session.renew(token: "n")
    #expect(Shown.frame(frame) == "auth 1" && id == 1)
    #expect(session.canRenew == false)
    let other = session.stat().id
    #expect(other == 2)
    #expect(session.receive([Message.authorized.frame(id: 1)]).map(\.shown) == ["authorized 1"])
    #expect(session.canRenew == true)
    let next = session.renew(token: "m").id
    #expect(next == 3)
    let refusal = Message.error(Refusal(.unauthorized, "wrong")).frame(id: 3)
    #expect(session.receive([refusal]).map(\.shown) == ["refused 3 unauthorized"])
    #expect(session.canRenew == true)
    session.receive([Message.goAway(GoAway(retryAfterMilliseconds: 0, text: "")).frame(id: 0)])
    #expect(session.canRenew == false)
  }

  @Test func `a client that leaves shows no token to a server that asks for one`() {
    var session = Self.client()
    let id = session.stat().id
    let goAway = Message.goAway(GoAway(retryAfterMilliseconds: 0, text: "")).frame(id: 0)
    let challenge = Message.challenge(Self.challenge).frame(id: 0)
    #expect(session.receive([goAway, challenge]).map(\.shown) == ["goingAway", "challenged 5"])
    #expect(session.canRenew == false)
    #expect(session.receive([Message.status([]).frame(id: id)]).map(\.shown) == ["answered 1 0"])
  }

  @Test func `AUTHORIZED answers AUTH and nothing else, and nothing else answers AUTH`() {
    for answer in [Message.status([]), .listing(Listing(streams: [], hasMore: false)), .live, .end(.cancelled)] {
      var session = Self.client()
      _ = session.renew(token: "n")
      #expect(session.receive([answer.frame(id: 1)]).last?.shown == "failed protocol_violation", "\(answer.type)")
    }
    var session = Self.client()
    _ = session.stat()
    #expect(session.receive([Message.authorized.frame(id: 1)]).last?.shown == "failed protocol_violation")
  }
}
