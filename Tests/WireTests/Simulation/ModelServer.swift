@testable import LogsWire

/// A server whose streams live in memory, made of one `ServerSession` a connection: the simplest thing that keeps the promises.
final class ModelServer {
  struct Mark {
    var number: UInt64 = 0
    var answers: [UInt64: (first: UInt64, count: UInt64, check: UInt64)] = [:]
  }

  final class Stream {
    let name: StreamName
    let incarnation: Incarnation
    let seed: UInt64
    var batches: [Batch] = []
    var head: UInt64 = 0
    var isSealed = false
    var marks: [ProducerID: Mark] = [:]

    init(_ name: StreamName, _ incarnation: Incarnation) {
      self.name = name
      self.incarnation = incarnation
      seed = BatchHeader.serverSeed(stream: name, incarnation: incarnation)
    }
  }

  private struct Track {
    let stream: Stream
    let handle: UInt32
    /// The last number accounted for; in reverse, the lowest.
    var position: UInt64
  }

  private struct Subscription {
    let id: UInt32
    let follow: Follow
    var tracks: [Track] = []
    var isLive = false
  }

  private final class Connection {
    let name: String
    let link: Link
    var session: ServerSession
    var subscriptions: [Subscription] = []
    var isDraining = false

    init(name: String, link: Link, session: consuming ServerSession) {
      self.name = name
      self.link = link
      self.session = session
    }
  }

  private enum Request {
    case append(Append, Batch)
    case complete(Complete)

    var stream: StreamName {
      switch self {
      case .append(let append, _): append.stream
      case .complete(let complete): complete.stream
      }
    }
  }

  private let simulation: Simulation
  private let welcome: Welcome
  /// In the order of their creation.
  private(set) var streams: [Stream] = []
  private var connections: [Connection] = []
  private var queue: [(connection: Connection, id: UInt32, request: Request)] = []
  private var isCommitDue = false
  private var checker = BatchChecker()
  private var generation = 0
  /// A fault put in on purpose, which the checks of the simulation must find.
  enum Defect: CaseIterable { case forgetsMarks, hidesEntries, ignoresCredit, acksEarly }

  var defect: Defect?
  /// Refuses one append in so many for the moment; 0: none.
  var overload = 0
  private(set) var deliveredFrameCount = 0

  init(_ simulation: Simulation, welcome: Welcome) {
    self.simulation = simulation
    self.welcome = welcome
  }

  func stream(_ name: StreamName) -> Stream? { streams.first { $0.name == name } }

  // MARK: - Connections

  func accept(_ link: Link, name: String) {
    let session = ServerSession(
      settings: .init(welcome: welcome, handshakeMillisecondsMax: 500), now: simulation.now)
    let connection = Connection(name: name, link: link, session: session)
    connections.append(connection)
    link.receive.append { [unowned self] _, bytes in
      let actions = connection.session.receive(Bytes(bytes).span, now: simulation.now)
      act(actions, connection)
    }
    link.closed.append { [unowned self] _ in drop(connection) }
    tick(connection)
  }

  private func tick(_ connection: Connection) {
    simulation.at(simulation.milliseconds + 50) { [unowned self] in
      guard connections.contains(where: { $0 === connection }) else { return }
      act(connection.session.tick(now: simulation.now), connection)
      tick(connection)
    }
  }

  private func drop(_ connection: Connection) {
    connection.session.close()
    connections.removeAll { $0 === connection }
  }

  private func send(_ frame: OutgoingFrame?, _ connection: Connection) {
    guard let frame else { return }
    simulation.trace("\(connection.name) server: \(Shown.frame(frame))")
    connection.link.send(Frames.bytes(frame), from: .server)
  }

  /// As `kill -9` and a new start: what is committed stays.
  func kill() {
    simulation.trace("server killed")
    generation += 1
    queue = []
    isCommitDue = false
    for connection in connections {
      connection.link.cut()
      connection.session.close()
    }
    connections = []
  }

  func drain() {
    simulation.trace("server drains")
    for connection in connections {
      connection.isDraining = true
      act(connection.session.drain(GoAway(retryAfterMilliseconds: 10, text: "restarting")), connection)
      closeIfDrained(connection)
    }
  }

  private func closeIfDrained(_ connection: Connection) {
    guard connection.isDraining, connection.session.appendCount == 0, !connection.session.isClosed else { return }
    connection.isDraining = false
    simulation.after(0...50) { [unowned self] in
      connection.link.close(from: .server)
      drop(connection)
    }
  }

  private func act(_ actions: [ServerSession.Action], _ connection: Connection) {
    for action in actions {
      switch action {
      case .send(let frame): send(frame, connection)
      case .opened, .resume: break
      case .append(let id, let append):
        do {
          let batch = try Batch(wholeOf: append.batch)
          try checker.check(appended: batch)
          enqueue(connection, id, .append(append, batch))
        } catch { simulation.fail("a good batch is refused: \(error)") }
      case .complete(let id, let complete): enqueue(connection, id, .complete(complete))
      case .follow(let id, let follow): begin(id, follow, connection)
      case .cancel(let id):
        connection.subscriptions.removeAll { $0.id == id }
        send(connection.session.end(id, .cancelled), connection)
      case .list(let id, let request):
        let names = streams.sorted { $0.name < $1.name }.filter { stream in
          request.after.map { $0 < stream.name } ?? true
        }
        let page = names.prefix(Int(request.limit)).map {
          StreamSummary(
            stream: $0.name, incarnation: $0.incarnation, first: 1, head: $0.head, entryCount: $0.head, byteCount: 0,
            lastReceived: 0, isSealed: $0.isSealed)
        }
        send(
          connection.session.answer(id, .listing(Listing(streams: page, hasMore: names.count > page.count))), connection
        )
      case .stat(let id):
        send(connection.session.answer(id, .status([Fact("streams", UInt64(streams.count))])), connection)
      case .close(let reason):
        simulation.trace("\(connection.name) server closes: \(reason)")
        connection.link.close(from: .server)
        drop(connection)
      }
    }
    pump(connection)
  }

  // MARK: - Appending

  private func enqueue(_ connection: Connection, _ id: UInt32, _ request: Request) {
    if overload > 0, simulation.chance(overload) {
      let refusal = Refusal(.overloaded, "for a moment", isRetryable: true, retryAfterMilliseconds: 10)
      return send(connection.session.refuse(id, refusal), connection)
    }
    if defect == .acksEarly, case .append(_, let batch) = request {
      let head = stream(request.stream)?.head ?? 0
      let count = UInt64(batch.header.count)
      let ack = Ack(isDuplicate: false, incarnation: Incarnation(1), firstSequence: head + 1, count: count)
      send(connection.session.acknowledge(id, ack), connection)
    }
    queue.append((connection, id, request))
    guard !isCommitDue else { return }
    isCommitDue = true
    let generation = generation
    simulation.after(1...25) { [unowned self] in if generation == self.generation { commit() } }
  }

  private func commit() {
    isCommitDue = false
    let work = queue
    queue = []
    var acks: [(connection: Connection, id: UInt32, lane: String, ack: Ack)] = []
    for (connection, id, request) in work {
      do {
        let (lane, ack) = try store(request)
        acks.append((connection, id, lane, ack))
      } catch { send(connection.session.refuse(id, error), connection) }
    }
    // Now it is durable: followers see it, producers hear of it. In runs, where that may be.
    var index = 0
    while index < acks.count {
      var (connection, id, lane, ack) = acks[index]
      index += 1
      while index < acks.count, acks[index].connection === connection, acks[index].id == id + ack.appendCount,
        acks[index].lane == lane, acks[index].ack.isDuplicate == ack.isDuplicate,
        acks[index].ack.firstSequence == ack.firstSequence + ack.count, !simulation.chance(4)
      {
        ack.appendCount += 1
        ack.count += acks[index].ack.count
        index += 1
      }
      send(connection.session.acknowledge(id, ack), connection)
      closeIfDrained(connection)
    }
    for connection in connections { pump(connection) }
  }

  private func store(_ request: Request) throws(Refusal) -> (lane: String, ack: Ack) {
    let (name, producer, number, floor) =
      switch request {
      case .append(let append, _): (append.stream, append.producer, append.number, append.floor)
      case .complete(let complete): (complete.stream, complete.producer, complete.number, complete.floor)
      }
    let batch: Batch
    switch request {
    case .append(_, let given): batch = given
    case .complete(let complete):
      do { batch = try Batches.built([Entry(message: Bytes(complete.text), kind: .complete)]) } catch {
        throw Refusal(.internalError, "\(error)")
      }
    }
    let stream = stream(name) ?? create(name)
    var mark = stream.marks[producer] ?? Mark()
    let expected = defect == .forgetsMarks ? number : max(mark.number + 1, floor)
    var ack = Ack(isDuplicate: true, incarnation: stream.incarnation, firstSequence: 0, count: 0)
    if number < expected {
      guard let answer = mark.answers[number] else { throw Refusal(.internalError, "no answer for \(number)") }
      guard answer.check == batch.header.check else { throw Refusal(.producerConflict, "") }
      (ack.firstSequence, ack.count) = (answer.first, answer.count)
    } else if stream.isSealed {
      throw Refusal(.streamSealed, "")
    } else if number > expected {
      throw Refusal(.outOfOrder, "", isRetryable: true, expected: expected)
    } else {
      let numbered = batch.numbered(
        firstSequence: stream.head + 1, received: Int64(simulation.milliseconds) + 1, seed: stream.seed)
      stream.batches.append(numbered)
      stream.head = numbered.header.lastSequence
      if case .complete = request { stream.isSealed = true }
      mark.number = number
      mark.answers[number] = (numbered.header.firstSequence, UInt64(numbered.header.count), batch.header.check)
      mark.answers[number &- 32] = nil
      stream.marks[producer] = mark
      ack.isDuplicate = false
      (ack.firstSequence, ack.count) = (numbered.header.firstSequence, UInt64(numbered.header.count))
    }
    return ("\(name) \(producer.high) \(producer.low)", ack)
  }

  private func create(_ name: StreamName) -> Stream {
    let stream = Stream(name, Incarnation(simulation.random.next() | 1))
    streams.append(stream)
    return stream
  }

  // MARK: - Following

  private func begin(_ id: UInt32, _ follow: Follow, _ connection: Connection) {
    connection.subscriptions.append(Subscription(id: id, follow: follow))
    let index = connection.subscriptions.count - 1
    for stream in streams where Self.selects(follow, stream.name) {
      guard tell(stream, &connection.subscriptions[index], connection) else {
        connection.subscriptions.remove(at: index)
        return
      }
    }
    let count = UInt32(connection.subscriptions[index].tracks.count)
    send(connection.session.tell(id, .resolved(streamCount: count)), connection)
  }

  private static func selects(_ follow: Follow, _ name: StreamName) -> Bool {
    follow.selectors.contains {
      switch $0 {
      case .stream(let wanted): wanted == name
      case .pattern(let pattern): pattern.matches(name)
      }
    }
  }

  /// - Returns: false when the subscription was refused.
  private func tell(_ stream: Stream, _ subscription: inout Subscription, _ connection: Connection) -> Bool {
    var position = subscription.follow.isReverse ? stream.head + 1 : 0
    if let cursor = subscription.follow.cursor.first(where: { $0.stream == stream.name }) {
      let isOther = cursor.incarnation != .any && cursor.incarnation != stream.incarnation
      if isOther || cursor.sequence > stream.head {
        let refusal = Refusal(isOther ? .streamReplaced : .cursorAhead, "\(stream.name)")
        send(connection.session.refuse(subscription.id, refusal), connection)
        return false
      }
      position = cursor.sequence
    }
    let track = Track(stream: stream, handle: UInt32(subscription.tracks.count) + 1, position: position)
    subscription.tracks.append(track)
    let announcement = Announcement(
      handle: track.handle, isSealed: stream.isSealed, incarnation: stream.incarnation, position: position,
      head: stream.head, stream: stream.name)
    send(connection.session.tell(subscription.id, .stream(announcement)), connection)
    return true
  }

  /// Sends what credit allows.
  private func pump(_ connection: Connection) {
    var index = 0
    while index < connection.subscriptions.count {
      let id = connection.subscriptions[index].id
      let follow = connection.subscriptions[index].follow
      for stream in streams where Self.selects(follow, stream.name) {
        if connection.subscriptions[index].tracks.contains(where: { $0.stream === stream }) { continue }
        _ = tell(stream, &connection.subscriptions[index], connection)
      }
      for track in connection.subscriptions[index].tracks.indices {
        while deliver(id, &connection.subscriptions[index].tracks[track], follow.isReverse, connection) {}
      }
      if let reason = finish(&connection.subscriptions[index], connection) {
        connection.subscriptions.remove(at: index)
        send(connection.session.end(id, reason), connection)
      } else {
        index += 1
      }
    }
  }

  private func deliver(_ id: UInt32, _ track: inout Track, _ isReverse: Bool, _ connection: Connection) -> Bool {
    let stream = track.stream
    guard isReverse ? track.position > 1 : track.position < stream.head else { return false }
    let next = isReverse ? track.position - 1 : track.position + 1
    guard let start = stream.batches.firstIndex(where: { $0.header.lastSequence >= next }) else { return false }
    // A filter that excludes some batches for everybody, so that what a follower saw can be foretold.
    if Self.isSkipped(stream.batches[start]) {
      let header = stream.batches[start].header
      let (from, to) = isReverse ? (header.firstSequence, next) : (next, header.lastSequence)
      track.position = isReverse ? from : to
      send(
        connection.session.tell(id, .skip(Skip(handle: track.handle, reason: .filtered, from: from, to: to))),
        connection)
      return true
    }
    guard connection.session.creditLeft(id) > 0 || defect == .ignoresCredit else { return false }
    if defect == .hidesEntries, !isReverse, simulation.chance(20) {
      track.position += 1
      return true
    }
    var end = start
    var left = connection.session.creditLeft(id)
    while !isReverse, end + 1 < stream.batches.count, !Self.isSkipped(stream.batches[end + 1]), simulation.chance(2) {
      // All but the last fit in what is left.
      left -= stream.batches[end].bytes.count
      if left < 0 { break }
      end += 1
    }
    var (from, to) = (next, stream.batches[end].header.lastSequence)
    if isReverse { (from, to) = (stream.batches[start].header.firstSequence, next) }
    // Now and then a range ends inside a batch.
    if simulation.chance(4) {
      if isReverse {
        from = UInt64(simulation.draw(Int(from)...Int(to)))
      } else {
        let least = max(from, stream.batches[end].header.firstSequence)
        to = UInt64(simulation.draw(Int(least)...Int(to)))
      }
    }
    var run = ByteWriter()
    for batch in stream.batches[start...end] { run.append(batch.bytes) }
    let range = BatchRange(handle: track.handle, from: from, to: to)
    track.position = isReverse ? from : to
    deliveredFrameCount += 1
    send(connection.session.deliver(id, range, batches: run.finish()), connection)
    return true
  }

  static func isSkipped(_ batch: Batch) -> Bool { batch.header.check % 7 == 0 }

  private func finish(_ subscription: inout Subscription, _ connection: Connection) -> EndReason? {
    let follow = subscription.follow
    if follow.isReverse { return subscription.tracks.allSatisfy { $0.position <= 1 } ? .start : nil }
    guard subscription.tracks.allSatisfy({ $0.position == $0.stream.head }) else { return nil }
    let isNamed = follow.selectors.allSatisfy { if case .stream = $0 { true } else { false } }
    if isNamed, subscription.tracks.count == follow.selectors.count, subscription.tracks.allSatisfy(\.stream.isSealed) {
      return .complete
    }
    if !subscription.isLive {
      subscription.isLive = true
      send(connection.session.tell(subscription.id, .live), connection)
    }
    return nil
  }
}
