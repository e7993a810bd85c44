import LogsSimulation

@testable import LogsWire

extension FuzzTarget {
  /// A client's session and what a server may send: ranges continue each other, answers are to what was asked, and the
  /// same comes of the same bytes in other pieces.
  static let clientSession = FuzzTarget(
    name: "client-session", byteCountMax: 4096,
    seeds: {
      var seeds: [[UInt8]] = []
      for session in try SeedVectors.sessions() {
        var seed: [UInt8] = [0, 9]
        for line in session.lines where line.bytes[4] != FrameType.hello.rawValue {
          seed += SessionStep.input(line.side == .server ? SessionStep.frameMark : SessionStep.requestMark, line.bytes)
        }
        seeds.append(seed)
      }
      for start: FollowStart in [.first, .from(3)] {
        for isReverse in [false, true] { seeds.append(try ClientPeer.follow(start, isReverse: isReverse)) }
      }
      return seeds
    },
    run: { input in
      var peer = ClientPeer(input.byte(), pieces: input.byte())
      while !input.isAtEnd, !peer.isClosed {
        guard let step = SessionStep(&input, seed: SampleEntries.seed) else { continue }
        try peer.take(step)
      }
    })
}

/// Two sessions of the same server, whose bytes come whole for one and in pieces for the other.
private struct ClientPeer: ~Copyable {
  private static let welcome = Welcome(
    frameByteCountMax: UInt32(Limits.frameByteCountMax), server: InstanceID(high: 1, low: 1),
    store: InstanceID(high: 2, low: 2), heartbeatMilliseconds: 1000, appendByteCountMax: 2000, appendBatchCountMax: 4,
    producerBatchCountMax: 3, subscriptionCountMax: 3, name: "logsd")

  private struct Track: Hashable {
    let id: UInt32
    let handle: UInt32
  }

  private var whole: ClientSession
  private var cut: ClientSession
  private let choice: UInt8
  private var now = MonotonicTime(nanoseconds: 0)
  /// Where the next range of a stream begins; in reverse, one above its end.
  private var next: [Track: UInt64] = [:]
  private var isReverse: [UInt32: Bool] = [:]
  private var open: [UInt32: FrameType] = [:]

  init(_ options: UInt8, pieces: UInt8) {
    whole = ClientSession(handshakeMillisecondsMax: 1000, now: now)
    cut = ClientSession(handshakeMillisecondsMax: 1000, now: now)
    choice = pieces
    guard options & 1 != 0 else { return }
    let bytes = Message.welcome(Self.welcome).frame(id: 0).head
    _ = (whole.receive(bytes.span, now: now), cut.receive(bytes.span, now: now))
  }

  var isClosed: Bool { whole.isClosed }

  /// The input of a subscription that gets some entries.
  static func follow(_ start: FollowStart, isReverse: Bool) throws -> [UInt8] {
    func step(_ mark: UInt8, _ message: Message) throws -> [UInt8] {
      let frame = message.frame(id: mark == SessionStep.requestMark ? 0 : 1)
      return SessionStep.input(mark, frame.head.array + frame.batches.array)
    }
    let batches = try SampleEntries.numbered(Array(SampleEntries.all.prefix(2)), first: isReverse ? 4 : 3)
    let range = batches.header.firstSequence...batches.header.lastSequence
    let follow = Follow(
      credit: 1 << 20, selectors: [.stream(SampleEntries.stream)], start: start, isReverse: isReverse)
    let announcement = Announcement(
      handle: 1, isSealed: false, incarnation: SampleEntries.incarnation,
      position: isReverse ? 6 : start == .first ? 0 : 2,
      head: 5, stream: SampleEntries.stream)
    return try [1, 9] + step(SessionStep.requestMark, .follow(follow))
      + step(SessionStep.frameMark, .stream(announcement)) + step(SessionStep.frameMark, .resolved(streamCount: 1))
      + (start == .first && !isReverse
        ? step(SessionStep.frameMark, .skip(Skip(handle: 1, reason: .lost, from: 1, to: 2))) : [])
      + step(
        SessionStep.frameMark,
        .batch(BatchRange(handle: 1, from: range.lowerBound, to: range.upperBound), batches: batches.bytes))
      + step(SessionStep.frameMark, .live)
  }

  mutating func take(_ step: SessionStep) throws {
    switch step {
    case .frame(let bytes), .bytes(let bytes):
      guard !bytes.isEmpty else { return }
      // What is taken the short way must be what the pieces say.
      let ack = whole.receiveAck(ByteString(bytes).span, now: now)
      let events =
        ack.map { [.acknowledged(id: $0.id, $0.1)] } ?? whole.receive(ByteString(bytes).span, now: now)
      var others: [ClientSession.Event] = []
      for piece in Pieces(bytes, choice) { others += cut.receive(ByteString(piece).span, now: now) }
      try compare(events, others)
    case .request(let message): try request(message)
    case .call(let kind, let argument):
      switch kind % 4 {
      case 0: _ = (whole.cancel(UInt32(argument)), cut.cancel(UInt32(argument)))
      case 1: _ = (whole.credit(UInt32(argument), total: .max), cut.credit(UInt32(argument), total: .max))
      default:
        now = now.advanced(byMilliseconds: UInt64(argument) * 20)
        try compare(whole.tick(now: now), cut.tick(now: now))
      }
    }
    try BrokenRule.check(whole.isClosed == cut.isClosed, "only one is closed")
  }

  private mutating func request(_ message: Message) throws {
    switch message {
    case .follow(let follow) where whole.isOpen:
      let id = whole.follow(follow).id
      isReverse[id] = follow.isReverse
      try begin(id, cut.follow(follow).id, .follow)
    case .append(let append) where whole.canAppend(byteCount: append.batch.count):
      let count = 1 + append.batch.count % 3
      try begin(
        whole.append(append, entryCount: count).id, cut.append(append, entryCount: count).id, .append)
    case .complete(let complete) where whole.canAppend(byteCount: 0):
      try begin(whole.complete(complete).id, cut.complete(complete).id, .append)
    case .list(let list) where whole.canRequest: try begin(whole.list(list).id, cut.list(list).id, .list)
    case .stat where whole.canRequest: try begin(whole.stat().id, cut.stat().id, .stat)
    case .delete(let delete) where whole.canRequest:
      try begin(whole.delete(delete).id, cut.delete(delete).id, .delete)
    case .auth(let token) where whole.canRenew:
      try begin(whole.renew(token: token).id, cut.renew(token: token).id, .auth)
    case .query(let query) where whole.canQuery: try begin(whole.query(query).id, cut.query(query).id, .query)
    default: break
    }
  }

  private mutating func begin(_ id: UInt32, _ other: UInt32, _ type: FrameType) throws {
    try BrokenRule.check(id == other && id != 0 && open.updateValue(type, forKey: id) == nil, "id \(id) is busy")
  }

  private mutating func compare(_ events: [ClientSession.Event], _ others: [ClientSession.Event]) throws {
    let texts = (Self.texts(events), Self.texts(others))
    try BrokenRule.check(texts.0 == texts.1, "pieces make a difference: \(texts.0) and \(texts.1)")
    for event in events {
      switch event {
      case .announced(let id, let stream):
        let reverse = try isReverse(id)
        next[Track(id: id, handle: stream.handle)] = reverse ? stream.position : stream.position + 1
      case .delivered(let id, let delivery):
        try cover(id, delivery.handle, delivery.from, delivery.to)
        try check(delivery)
      case .skipped(let id, let skip): try cover(id, skip.handle, skip.from, skip.to)
      case .resolved(let id), .live(let id), .heads(let id, _): _ = try isReverse(id)
      case .acknowledged(let id, let stored):
        try BrokenRule.check(stored.firstSequence + stored.count - 1 <= Limits.numberMax, "numbers of 64 bits")
        try end(id, [.append])
      case .listed(let id, _): try end(id, [.list])
      case .answered(let id, _): try end(id, [.stat])
      case .deleted(let id, _): try end(id, [.delete])
      case .counted(let id, _): try end(id, [.query])
      case .authorized(let id): try end(id, [.auth])
      case .ended(let id, _): try end(id, [.follow])
      // A server that does not keep to a request fails it, and then the connection.
      case .refused(let id, _): try end(id, [.append, .list, .stat, .delete, .query, .auth, .follow])
      case .progressed(let id, _): try BrokenRule.check(open[id] == .query, "progress of no query")
      case .send, .welcomed, .goingAway, .challenged, .failed: break
      }
    }
  }

  private func isReverse(_ id: UInt32) throws -> Bool {
    guard let isReverse = isReverse[id], open[id] == .follow else { throw BrokenRule("id \(id) is no subscription") }
    return isReverse
  }

  private mutating func end(_ id: UInt32, _ types: Set<FrameType>) throws {
    guard let type = open.removeValue(forKey: id), types.contains(type) else {
      throw BrokenRule("an answer of another kind, or to nothing")
    }
  }

  private mutating func cover(_ id: UInt32, _ handle: UInt32, _ from: UInt64, _ to: UInt64) throws {
    let track = Track(id: id, handle: handle)
    guard let known = next[track], from <= to else { throw BrokenRule("an unknown stream") }
    if try isReverse(id) {
      try BrokenRule.check(to + 1 == known, "a hole in reverse")
      next[track] = from
    } else {
      try BrokenRule.check(from == known, "a hole")
      next[track] = to + 1
    }
  }

  /// Everything that a user relies on for a verified delivery.
  private func check(_ delivery: ClientSession.Delivery) throws {
    guard let first = delivery.batches.first, let last = delivery.batches.last else { throw BrokenRule("no batch") }
    try BrokenRule.check(
      first.header.firstSequence <= delivery.from && last.header.lastSequence >= delivery.to, "not covered")
    var decoder = BatchDecoder()
    for batch in delivery.batches {
      guard let entries = try? decoder.entries(of: batch) else { continue }
      let numbers = batch.header.firstSequence...batch.header.lastSequence
      for entry in entries { try BrokenRule.check(numbers.contains(entry.sequence), "an entry outside of its batch") }
    }
  }

  /// Without PING and PONG: several at once get one answer.
  private static func texts(_ events: [ClientSession.Event]) -> [String] {
    events.compactMap { event in
      guard case .send(let frame) = event else { return "\(event)" }
      if frame.head[4] == FrameType.ping.rawValue || frame.head[4] == FrameType.pong.rawValue { return nil }
      return "\(frame.head.array) \(frame.batches.array)"
    }
  }
}
