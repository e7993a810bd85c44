import LogsSystem
import LogsTransport
import LogsWire

/// One client's connection to the fake server.
final class FakeConnection: ConnectionHandler {
  private unowned let server: FakeServer
  private let connection: Connection
  private var session: ServerSession
  private var follows: [UInt32: FakeFollow] = [:]
  private let cutCount: Int?
  private let corruptedFrame: Int?
  private let corruptedInput: Int?
  private var inputCount = 0
  private var sentCount = 0
  private var isCut = false
  private(set) var unheard: [ByteString] = []

  init(server: FakeServer, connection: Connection, cut: Int?, corruption: Int?, inputCorruption: Int?) {
    self.server = server
    self.connection = connection
    cutCount = cut
    corruptedFrame = corruption
    corruptedInput = inputCorruption
    var welcome = Welcome(
      frameByteCountMax: UInt32(Limits.frameByteCountMax), server: .random(), store: .random(),
      heartbeatMilliseconds: server.heartbeatMilliseconds, appendByteCountMax: server.appendByteCountMax,
      appendBatchCountMax: 1024, subscriptionCountMax: 1024, name: "fake")
    if !server.faults.isOld { welcome.features = Welcome.renewalFeature }
    session = ServerSession(
      configuration: .init(welcome: welcome, handshakeMillisecondsMax: 10_000), now: connection.loop.now)
    connection.handler = self
    if cut == 0 { self.cut() }
  }

  // MARK: The socket

  func received(_ bytes: RawSpan, on connection: Connection) {
    guard !server.faults.isMute else {
      unheard.append(ByteString(copying: bytes))
      return server.changed()
    }
    inputCount += 1
    if inputCount == corruptedInput {
      var damaged = ByteString(copying: bytes).array
      damaged[damaged.count / 2] ^= 0x04
      perform(session.receive(ByteString(damaged).span, now: connection.loop.now))
    } else {
      perform(session.receive(bytes, now: connection.loop.now))
    }
    server.changed()
  }

  /// The types of the frames that have begun in what was not read.
  var unheardFrames: [FrameType] {
    let bytes = unheard.flatMap(\.array)
    var types: [FrameType] = []
    var offset = 0
    while offset + 20 <= bytes.count {
      if let type = FrameType(rawValue: bytes[offset + 4]) { types.append(type) }
      offset += 20 + (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
    }
    return types
  }

  func hear() {
    for bytes in unheard { perform(session.receive(bytes.span, now: connection.loop.now)) }
    unheard = []
    server.changed()
  }

  func closed(_ connection: Connection, reason: CloseReason) {
    session.close()
    server.forget(self)
  }

  func cut() {
    guard !isCut else { return }
    isCut = true
    connection.closeLingering(for: .milliseconds(100))
  }

  private func send(_ frame: OutgoingFrame?) {
    guard let frame, !isCut else { return }
    sentCount += 1
    if sentCount == corruptedFrame {
      var bytes = frame.head.array + frame.batches.array
      bytes[bytes.count / 2] ^= 0x10
      connection.send(ByteString(bytes))
    } else {
      connection.send(frame.head, sharing: frame.batches)
    }
    server.changed()
    guard let cutCount, sentCount >= cutCount else { return }
    if server.faults.cutsInsideFrame {
      let next = Message.error(Refusal(.internalError, "half of this is never seen")).frame(id: 0).head
      connection.send(next[0..<next.count / 2])
    }
    cut()
  }

  /// - Returns: false if the client does not answer that.
  func challenge() -> Bool {
    let frame = session.challenge(Challenge(graceMilliseconds: 10_000, text: "a test"))
    send(frame)
    return frame != nil
  }

  func drain(_ goAway: GoAway) { perform(session.drain(goAway)) }

  // MARK: The session

  private func perform(_ actions: [ServerSession.Action]) {
    for action in actions where !isCut {
      switch action {
      case .send(let frame):
        if let refusal = server.faults.handshakeRefusal, !frame.head.isEmpty, sentCount == 0 {
          send(Message.error(refusal).frame(id: 0))
          cut()
        } else {
          send(frame)
        }
      case .authorize(_, let token):
        server.record.tokens.append(token)
        perform(session.decide(.accepted, now: connection.loop.now))
      case .renew(let id, let token):
        server.record.renewals.append(token)
        if let refusal = server.faults.onRenewal(token) {
          send(session.refuse(id, refusal))
        } else {
          send(session.answer(id, .authorized))
        }
      case .append(let id, let append): take(id, append)
      case .complete(let id, let complete): take(id, complete)
      case .follow(let id, let follow): begin(id, follow)
      case .resume, .cancel:
        if case .cancel(let id) = action {
          server.record.cancelCount += 1
          follows[id] = nil
          send(session.end(id, .cancelled))
        }
        pump()
      case .list(let id, let request):
        if let refusal = server.faults.onList() { send(session.refuse(id, refusal)) } else { list(id, request) }
      case .stat(let id):
        send(
          session.answer(
            id, .status([ServerFact("version", "fake"), ServerFact("connections", UInt64(server.connections.count))])))
      case .query(let id, let query):
        let tally = Tally(query.kind)
        send(session.answer(id, .result(tally.result(missingCount: 0))))
      case .cancelQuery(let id): send(session.end(id, .cancelled))
      case .delete(let id, let request): delete(id, request)
      case .close: cut()
      }
    }
  }

  private func take(_ id: UInt32, _ append: Append) {
    do {
      let batch = try Batch(startOf: append.batch)
      if !batch.hasValidCheck {
        return send(session.refuse(id, Refusal(.badBatch, "damaged on the way", isRetryable: true)))
      }
      server.record.appends.append((append.number, append.floor, append.stream, batch.header.check))
      if let refusal = server.faults.onAppend(append) { return send(session.refuse(id, refusal)) }
      settle(
        id,
        server.store(
          batch, in: append.stream, producer: append.producer, number: append.number, floor: append.floor, seals: false)
      )
    } catch { send(session.refuse(id, Refusal(.badBatch, "\(error)"))) }
  }

  private func take(_ id: UInt32, _ complete: Complete) {
    var builder = BatchBuilder(seed: 1)
    do { _ = try builder.append(LogEntry(message: ByteString(complete.text), kind: .complete)) } catch {
      return send(session.refuse(id, Refusal(.badBatch, "\(error)")))
    }
    settle(
      id,
      server.store(
        builder.finish(compressor: Compressor()), in: complete.stream, producer: complete.producer,
        number: complete.number, floor: complete.floor, seals: true))
  }

  private func settle(_ id: UInt32, _ result: Result<Ack, Refusal>) {
    switch result {
    case .success(let ack):
      if server.faults.lostAckCount > 0 {
        server.faults.lostAckCount -= 1
        return cut()
      }
      send(session.acknowledge(id, ack))
    case .failure(let refusal): send(session.refuse(id, refusal))
    }
  }

  private func list(_ id: UInt32, _ request: ListRequest) {
    let after = request.after?.text ?? ""
    let names = server.streams.keys.sorted().filter { $0.text > after && (request.pattern ?? .all).matches($0) }
    let limit = min(Int(request.limit), server.pageCountMax)
    let page = names.prefix(limit).compactMap { server.streams[$0] }.map { stream in
      StreamSummary(
        stream: stream.name, incarnation: stream.incarnation, first: 1, head: stream.head, entryCount: stream.head,
        byteCount: 0, lastReceived: 0, isSealed: stream.isSealed)
    }
    send(session.answer(id, .listing(Listing(streams: Array(page), hasMore: names.count > limit))))
  }

  private func delete(_ id: UInt32, _ request: DeleteRequest) {
    server.record.deletions.append(request)
    if let refusal = server.faults.onDelete(request) { return send(session.refuse(id, refusal)) }
    let result = server.delete(request)
    if server.faults.lostDeletionCount > 0 {
      server.faults.lostDeletionCount -= 1
      return cut()
    }
    switch result {
    case .success(let summary): send(session.answer(id, .deleted(summary)))
    case .failure(let refusal): send(session.refuse(id, refusal))
    }
  }

  // MARK: Following

  private func begin(_ id: UInt32, _ follow: Follow) {
    server.record.follows.append(follow)
    if let refusal = server.faults.onFollow(follow) { return send(session.refuse(id, refusal)) }
    let wanted = FakeFollow(follow)
    follows[id] = wanted
    server.record.openFollowCountMax = max(server.record.openFollowCountMax, follows.count)
    for name in server.streams.keys.sorted() where wanted.selects(name) {
      guard let stream = server.streams[name] else { continue }
      switch wanted.start(stream) {
      case .failure(let refusal):
        follows[id] = nil
        return send(session.refuse(id, refusal))
      case .success(let announcement): send(session.tell(id, .stream(announcement)))
      }
    }
    wanted.isResolved = true
    send(session.tell(id, .resolved(streamCount: UInt32(wanted.tracks.count))))
    if let refusal = server.faults.onDelivery() {
      follows[id] = nil
      return send(session.refuse(id, refusal))
    }
    pump()
  }

  func streamAppeared(_ name: StreamName) {
    for (id, follow) in follows.sorted(by: { $0.key < $1.key }) {
      guard follow.selects(name), !follow.follow.isReverse, !follow.follow.end.atHead,
        let stream = server.streams[name], !follow.tracks.contains(where: { $0.stream == name })
      else { continue }
      send(session.tell(id, .stream(follow.appeared(stream))))
    }
  }

  func pump() {
    for (id, follow) in follows.sorted(by: { $0.key < $1.key }) where follow.isResolved { pump(id, follow) }
  }

  private func pump(_ id: UInt32, _ follow: FakeFollow) {
    for index in follow.tracks.indices {
      while !isCut, session.creditLeft(id) > 0, follow.limit != 0,
        let stream = server.streams[follow.tracks[index].stream], let (range, batch) = follow.next(index, stream)
      {
        if let reason = server.faults.skips[range.from] {
          let skip = Skip(handle: range.handle, reason: reason, from: range.from, to: range.to)
          send(session.tell(id, .skip(skip)))
          continue
        }
        server.record.deliveredByteCount += batch.bytes.count
        send(session.deliver(id, range, batches: batch.bytes))
        if server.faults.endsEarly {
          follows[id] = nil
          return send(session.end(id, .until))
        }
      }
    }
    guard !isCut, let reason = follow.endReason(server.streams) else {
      if !follow.isLive, follow.isAtHead(server.streams) {
        follow.isLive = true
        send(session.tell(id, .live))
      }
      return
    }
    follows[id] = nil
    send(session.end(id, reason))
  }
}
