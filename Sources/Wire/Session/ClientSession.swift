/// The client's end of one connection, separate from all I/O: requests in flight, credit, liveness, and the proof that
/// a follower receives no hole (P5).
///
/// `handshake` until WELCOME, then `open`, finally `closed`. A session lives as long as its connection; the SDK keeps
/// what outlives it (cursors, batches to be sent again).
package struct ClientSession: ~Copyable {
  private enum State {
    case handshake(deadline: MonotonicTime)
    case open(Welcome)
    case closed
  }

  private var state: State
  var decoder = FrameDecoder(bodyByteCountMax: Limits.handshakeByteCountMax)
  var liveness: Liveness
  private var lastID: UInt32 = 0
  var appends: [UInt32: (byteCount: Int, entryCount: UInt64)] = [:]
  var appendByteCount = 0
  private var subscriptions: [UInt32: Subscription] = [:]
  private var requests: Set<UInt32> = []
  private var queries: [UInt32: ResultTerms] = [:]
  /// The dictionaries that came last, the newest at the end.
  private var dictionaries: [BatchDictionary] = []
  /// The AUTH that has no answer yet.
  private var renewal: UInt32?
  /// GOAWAY came: requests in flight are answered, new ones are not accepted.
  package private(set) var isLeaving = false
  /// The last PING of the current bytes; a peer that sends many gets one answer.
  private var pongDue: UInt64?

  /// - Parameter handshakeMillisecondsMax: how long WELCOME may take.
  package init(handshakeMillisecondsMax: UInt64, now: MonotonicTime) {
    state = .handshake(deadline: now.advanced(byMilliseconds: handshakeMillisecondsMax))
    liveness = Liveness(heartbeatMilliseconds: handshakeMillisecondsMax, now: now)
  }

  private static let versions: ClosedRange<UInt8> = 1...1

  package var isOpen: Bool { if case .open = state { true } else { false } }
  package var isClosed: Bool { if case .closed = state { true } else { false } }

  /// The server's limits from WELCOME, within those of the protocol.
  package var heartbeatMilliseconds: UInt64 { liveness.heartbeatMilliseconds }

  /// The first frame of a connection.
  ///
  /// - Parameter features: `challenges` if there will be another token when the server asks for one.
  package static func hello(
    client: String, token: String, features: Hello.Features = [.dictionaries]
  ) -> OutgoingFrame {
    let hello = Hello(
      versions: versions, features: features, frameByteCountMax: UInt32(Limits.frameByteCountMax), client: client,
      token: token)
    return Message.hello(hello).frame(id: 0)
  }
}

// MARK: - Requests

extension ClientSession {
  /// Whether the credit allows one more batch of that size now.
  package func canAppend(byteCount: Int) -> Bool {
    guard case .open(let welcome) = state, !isLeaving, appends.count < Int(welcome.appendBatchCountMax) else {
      return false
    }
    return appends.isEmpty || appendByteCount + byteCount <= Int(welcome.appendByteCountMax)
  }

  /// - Precondition: `canAppend`.
  package mutating func append(_ append: Append, entryCount: Int) -> (id: UInt32, frame: OutgoingFrame) {
    var head = ByteWriter(capacity: 128)
    let id = self.append(append, entryCount: entryCount, head: &head)
    return (id, OutgoingFrame(head: head.finish(), batches: append.batch))
  }

  /// - Precondition: `canAppend(byteCount: 0)`.
  package mutating func complete(_ complete: Complete) -> (id: UInt32, frame: OutgoingFrame) {
    let id = nextID()
    appends[id] = (0, 1)
    return (id, frame(.complete(complete), id: id))
  }

  package mutating func follow(_ follow: Follow) -> (id: UInt32, frame: OutgoingFrame) {
    let id = nextID()
    subscriptions[id] = Subscription(follow)
    return (id, frame(.follow(follow), id: id))
  }

  /// Raises the total that the server may send on a subscription; nil if that changes nothing.
  package mutating func credit(_ id: UInt32, total: UInt64) -> OutgoingFrame? {
    guard let known = subscriptions[id]?.creditTotal, total > known, !isClosed else { return nil }
    subscriptions[id]?.creditTotal = total
    return frame(.credit(total: total), id: id)
  }

  /// Asks for the end of a subscription or query, which END answers; nothing more is delivered.
  package mutating func cancel(_ id: UInt32) -> OutgoingFrame? {
    if queries[id] != nil, !isClosed { return frame(.cancel, id: id) }
    guard subscriptions[id]?.isCancelled == false, !isClosed else { return nil }
    subscriptions[id]?.isCancelled = true
    return frame(.cancel, id: id)
  }

  /// Whether one more LIST, STAT or DELETE is allowed now.
  package var canRequest: Bool { isOpen && !isLeaving && requests.count < Limits.requestCountMax }

  /// - Precondition: `canRequest`.
  package mutating func list(_ request: ListRequest) -> (id: UInt32, frame: OutgoingFrame) {
    makeRequest(.list(request))
  }

  /// Whether one more query is allowed now.
  package var canQuery: Bool { isOpen && !isLeaving && queries.count < Limits.queryCountMax }

  /// - Precondition: `canQuery`.
  package mutating func query(_ query: Query) -> (id: UInt32, frame: OutgoingFrame) {
    let id = nextID()
    queries[id] = ResultTerms(query)
    return (id, frame(.query(query), id: id))
  }

  /// - Precondition: `canRequest`.
  package mutating func stat() -> (id: UInt32, frame: OutgoingFrame) { makeRequest(.stat) }

  /// - Precondition: `canRequest`.
  package mutating func delete(_ request: DeleteRequest) -> (id: UInt32, frame: OutgoingFrame) {
    makeRequest(.delete(request))
  }

  /// Whether another token may be shown now.
  package var canRenew: Bool {
    guard case .open(let welcome) = state else { return false }
    return welcome.takesRenewals && !isLeaving && renewal == nil
  }

  /// Shows another token, which counts from its answer on.
  ///
  /// - Precondition: `canRenew`.
  package mutating func renew(token: String) -> (id: UInt32, frame: OutgoingFrame) {
    let id = nextID()
    renewal = id
    return (id, frame(.auth(token: token), id: id))
  }

  private mutating func makeRequest(_ message: Message) -> (id: UInt32, frame: OutgoingFrame) {
    let id = nextID()
    requests.insert(id)
    return (id, frame(message, id: id))
  }

  /// The next id that is not busy; at full speed, ids wrap within hours.
  mutating func nextID() -> UInt32 {
    repeat {
      lastID &+= 1
    } while lastID == 0 || appends[lastID] != nil || subscriptions[lastID] != nil
      || requests.contains(lastID) || queries[lastID] != nil || renewal == lastID
    return lastID
  }

  private mutating func frame(_ message: Message, id: UInt32) -> OutgoingFrame {
    liveness.frameSent()
    return message.frame(id: id)
  }
}

// MARK: - Inputs

extension ClientSession {
  /// Takes bytes from the server.
  package mutating func receive(_ input: RawSpan, now: MonotonicTime) -> [Event] {
    guard !isClosed else { return [] }
    liveness.bytesReceived(now: now)
    var events: [Event] = []
    var offset = 0
    do throws(Refusal) {
      while !isClosed, let frame = try decoder.next(from: input, at: &offset) {
        try take(frame, now: now, &events)
      }
      if let token = pongDue, !isClosed { events.append(.send(self.frame(.pong(token), id: 0))) }
    } catch { fail(error, &events) }
    pongDue = nil
    return events
  }

  /// Checks the deadlines; call it a few times in each heartbeat.
  package mutating func tick(now: MonotonicTime) -> [Event] {
    var events: [Event] = []
    switch state {
    case .closed: break
    case .handshake(let deadline):
      if now >= deadline {
        fail(Refusal(.timedOut, "the server did not answer HELLO in time", isRetryable: true), &events)
      }
    case .open:
      if liveness.isPeerGone(now: now) {
        fail(Refusal(.timedOut, "nothing was heard from the server for three heartbeats", isRetryable: true), &events)
      } else if liveness.isPingDue(now: now) {
        events.append(.send(frame(.ping(0), id: 0)))
      }
    }
    return events
  }

  private mutating func fail(_ refusal: Refusal, _ events: inout [Event]) {
    // Bytes that arrived damaged may arrive intact over a new connection.
    var refusal = refusal
    if refusal.code == .protocolViolation { refusal.isRetryable = true }
    refusal = Self.retryableIfTooLarge(refusal)
    // The server's operator should know as well.
    events.append(.send(frame(.error(refusal), id: 0)))
    events.append(.failed(refusal))
    state = .closed
  }

  /// Both sides keep to the limit: a length above it was damaged in transit, and its short check did not show that.
  private static func retryableIfTooLarge(_ refusal: Refusal) -> Refusal {
    var refusal = refusal
    if refusal.code == .frameTooLarge { refusal.isRetryable = true }
    return refusal
  }

  private mutating func take(_ frame: Frame, now: MonotonicTime, _ events: inout [Event]) throws(Refusal) {
    let message = try Message(decoding: frame)
    if case .handshake = state {
      switch message {
      case .welcome, .error: break
      default: throw Refusal(.protocolViolation, "the server's first frame must be WELCOME, not \(frame.type)")
      }
    }
    let id = frame.id
    switch message {
    case .welcome(let welcome):
      guard case .handshake = state else { throw Refusal(.protocolViolation, "WELCOME comes once") }
      guard Self.versions.contains(welcome.version) else {
        throw Refusal(.protocolViolation, "the server chose version \(welcome.version), which was not offered")
      }
      decoder.bodyByteCountMax = Limits.frameByteCountMax
      state = .open(welcome)
      liveness = Liveness(heartbeatMilliseconds: UInt64(welcome.heartbeatMilliseconds), now: now)
      events.append(.welcomed(welcome))
    case .error(let refusal):
      if id == 0 {
        state = .closed
        events.append(.failed(Self.retryableIfTooLarge(refusal)))
      } else if settle(id) != nil || requests.remove(id) != nil || queries.removeValue(forKey: id) != nil
        || settleRenewal(id)
      {
        events.append(.refused(id: id, refusal))
      } else if let subscription = subscriptions.removeValue(forKey: id) {
        if !subscription.isAbandoned { events.append(.refused(id: id, refusal)) }
      } else {
        throw Self.unknown(id)
      }
    case .ping(let token): pongDue = token
    case .pong: break
    case .goAway(let goAway):
      isLeaving = true
      events.append(.goingAway(goAway))
    case .challenge(let challenge): events.append(.challenged(challenge))
    case .dictionary(let dictionary):
      if dictionaries.count == Limits.dictionaryCountMax { dictionaries.removeFirst() }
      dictionaries.append(dictionary)
    case .authorized:
      guard settleRenewal(id) else { throw Self.unknown(id) }
      events.append(.authorized(id: id))
    case .ack(let ack): try take(ack, id: id, &events)
    case .stream, .resolved, .batch, .skip, .live, .heads:
      guard let isCancelled = subscriptions[id]?.isCancelled else { throw Self.unknown(id) }
      if !isCancelled { try follow(message, id: id, &events) }
    case .end(.cancelled) where queries.removeValue(forKey: id) != nil: break
    case .result(let result):
      guard let terms = queries.removeValue(forKey: id) else { throw Self.unknown(id) }
      try hold(id, &events) { () throws(Refusal) in try terms.check(result) }
      events.append(.counted(id: id, result))
    case .progress(let progress):
      guard queries[id] != nil else { throw Self.unknown(id) }
      events.append(.progressed(id: id, progress))
    case .end(let reason):
      guard let subscription = subscriptions.removeValue(forKey: id) else { throw Self.unknown(id) }
      // An END or ERROR after CANCEL ends the subscription, whatever it says.
      if !subscription.isCancelled {
        try hold(id, &events) { () throws(Refusal) in
          try subscription.terms.check(reason, subscription.tracks.values.lazy.map(\.told))
        }
      }
      if !subscription.isAbandoned { events.append(.ended(id: id, reason)) }
    case .listing(let listing):
      guard requests.remove(id) != nil else { throw Self.unknown(id) }
      events.append(.listed(id: id, listing))
    case .status(let facts):
      guard requests.remove(id) != nil else { throw Self.unknown(id) }
      events.append(.answered(id: id, facts))
    case .deleted(let summary):
      guard requests.remove(id) != nil else { throw Self.unknown(id) }
      events.append(.deleted(id: id, summary))
    case .hello, .append, .complete, .follow, .credit, .cancel, .list, .stat, .query, .auth, .delete:
      throw Refusal(.protocolViolation, "a server does not send \(frame.type)")
    }
  }

  private static func unknown(_ id: UInt32) -> Refusal {
    Refusal(.protocolViolation, "the server answered id \(id), which is not open")
  }

  /// Splits an ACK that covers a run into one answer for each append.
  private mutating func take(_ ack: Ack, id: UInt32, _ events: inout [Event]) throws(Refusal) {
    // Everything is checked before anything is trusted.
    var left = ack.count
    for offset in 0..<ack.appendCount {
      guard let append = appends[id &+ offset] else { throw Self.unknown(id &+ offset) }
      guard append.entryCount <= left else {
        throw Refusal(.protocolViolation, "an ACK counts fewer entries than were sent")
      }
      left -= append.entryCount
    }
    if left != 0 { throw Refusal(.protocolViolation, "an ACK counts more entries than were sent") }
    var first = ack.firstSequence
    for offset in 0..<ack.appendCount {
      guard let append = settle(id &+ offset) else { return }
      let stored = Stored(
        incarnation: ack.incarnation, firstSequence: first, count: append.entryCount, isDuplicate: ack.isDuplicate)
      events.append(.acknowledged(id: id &+ offset, stored))
      first += append.entryCount
    }
  }

  private mutating func settleRenewal(_ id: UInt32) -> Bool {
    guard renewal == id else { return false }
    renewal = nil
    return true
  }

  private mutating func settle(_ id: UInt32) -> (byteCount: Int, entryCount: UInt64)? {
    guard let append = appends.removeValue(forKey: id) else { return nil }
    appendByteCount -= append.byteCount
    return append
  }
}

// MARK: - The cover (P5)

extension ClientSession {
  /// A frame of an open subscription, between FOLLOW and END.
  private mutating func follow(_ message: Message, id: UInt32, _ events: inout [Event]) throws(Refusal) {
    switch message {
    case .stream(let announcement):
      try begin(announcement, id: id, &events)
      events.append(.announced(id: id, announcement))
    case .resolved(let streamCount):
      guard subscriptions[id]?.isResolved == false, subscriptions[id]?.tracks.count == Int(streamCount) else {
        throw Refusal(.protocolViolation, "RESOLVED comes once and counts the streams that were told")
      }
      subscriptions[id]?.isResolved = true
      subscriptions[id]?.terms.resolve()
      events.append(.resolved(id: id))
    case .batch(let range, let run):
      switch try verify(range, run, id: id) {
      case .success(let delivery): events.append(.delivered(id: id, delivery))
      case .failure(let error): abandon(id, error, &events)
      }
    case .skip(let skip):
      try cover(skip.from, skip.to, handle: skip.handle, of: subscriptions[id])
      events.append(.skipped(id: id, skip))
    case .live:
      guard subscriptions[id]?.isResolved == true, subscriptions[id]?.isLive == false else {
        throw Refusal(.protocolViolation, "LIVE comes once, after RESOLVED")
      }
      subscriptions[id]?.isLive = true
      events.append(.live(id: id))
    case .heads(let heads):
      try check(heads, of: subscriptions[id])
      events.append(.heads(id: id, heads))
    case .hello, .welcome, .error, .ping, .pong, .goAway, .append, .ack, .complete, .follow, .end, .credit, .cancel,
      .list, .listing, .stat, .status, .query, .result, .progress, .auth, .authorized, .challenge, .delete, .deleted,
      .dictionary:
      preconditionFailure("only frames of a subscription come here")
    }
  }

  /// Ends a subscription whose batches this version cannot read; a retry would bring the same ones.
  private mutating func abandon(_ id: UInt32, _ error: WireDecodingError, _ events: inout [Event]) {
    subscriptions[id]?.isAbandoned = true
    if let cancel = cancel(id) { events.append(.send(cancel)) }
    events.append(.refused(id: id, Refusal(.unsupported, "\(error); use a newer client")))
  }

  /// Ends a subscription or query whose server does not keep to the request; it would not do so over another connection
  /// either.
  private func hold<Value>(
    _ id: UInt32, _ events: inout [Event], to check: () throws(Refusal) -> Value
  ) throws(Refusal) -> Value {
    do { return try check() } catch {
      events.append(.refused(id: id, error))
      throw error
    }
  }

  private mutating func begin(
    _ announcement: Announcement, id: UInt32, _ events: inout [Event]
  ) throws(Refusal) {
    guard let terms = subscriptions[id]?.terms else { throw Self.unknown(id) }
    let isReverse = terms.isReverse
    guard subscriptions[id]?.tracks[announcement.handle] == nil else {
      throw Refusal(.protocolViolation, "handle \(announcement.handle) is announced twice")
    }
    guard isReverse || announcement.position <= announcement.head else {
      throw Refusal(
        .protocolViolation, "STREAM starts at \(announcement.position), beyond the head \(announcement.head)")
    }
    let bound = try hold(id, &events) { () throws(Refusal) in try terms.check(announcement) }
    let seed = BatchHeader.serverSeed(stream: announcement.stream, incarnation: announcement.incarnation)
    guard subscriptions[id]?.seeds.insert(seed).inserted == true else {
      throw Refusal(.protocolViolation, "the stream '\(announcement.stream)' is announced twice")
    }
    let next = isReverse ? announcement.position : announcement.position + 1
    subscriptions[id]?.tracks[announcement.handle] = Track(
      isReverse: isReverse, seed: seed, told: .init(head: announcement.head, next: next, bound: bound))
  }

  /// Accounts for a range, which must begin where the last one ended.
  @discardableResult
  private func cover(
    _ from: UInt64, _ to: UInt64, handle: UInt32, of subscription: Subscription?
  ) throws(Refusal) -> Track {
    guard let subscription, subscription.isResolved else {
      throw Refusal(.protocolViolation, "entries before RESOLVED")
    }
    guard var track = subscription.tracks[handle] else {
      throw Refusal(.protocolViolation, "handle \(handle) was never told")
    }
    if track.isReverse {
      // Numbers are at most 2^63 - 1; `next` is 0 if there is nothing below the position.
      guard to + 1 == track.told.next else { throw Self.gap(expected: max(track.told.next, 1) - 1, got: to) }
      track.told.next = from
    } else {
      guard from == track.told.next else { throw Self.gap(expected: track.told.next, got: from) }
      track.told.next = to + 1
    }
    subscription.tracks[handle] = track
    return track
  }

  private func check(_ heads: [StreamHead], of subscription: Subscription?) throws(Refusal) {
    guard let subscription, subscription.isResolved, !subscription.terms.isReverse else {
      throw Refusal(.protocolViolation, "HEADS before RESOLVED, or in reverse")
    }
    for head in heads {
      guard let told = subscription.tracks[head.handle]?.told else {
        throw Refusal(.protocolViolation, "handle \(head.handle) was never told")
      }
      guard head.head >= max(told.head, told.next - 1) else {
        throw Refusal(.protocolViolation, "HEADS tells the head \(head.head), which is below what was told before")
      }
    }
  }

  private static func gap(expected: UInt64, got: UInt64) -> Refusal {
    Refusal(.protocolViolation, "a gap: expected sequence number \(expected), received \(got)")
  }

  /// - Returns: the batches, or why this version cannot read them.
  private func verify(
    _ range: BatchRange, _ run: ByteString, id: UInt32
  ) throws(Refusal) -> Result<Delivery, WireDecodingError> {
    let subscription = subscriptions[id]
    let track = try cover(range.from, range.to, handle: range.handle, of: subscription)
    let batches: [Batch]
    do { batches = try Batch.run(run) { id in dictionaries.last { $0.id == id } } } catch {
      if error.isUnsupported { return .failure(error) }
      throw Refusal(.protocolViolation, error.description)
    }
    var next: UInt64?
    for batch in batches {
      guard batch.hasValidCheck, batch.hasValidServerCheck(seed: track.seed), batch.header.span > 0,
        batch.header.firstSequence > 0
      else {
        throw Refusal(.protocolViolation, "a batch is damaged or belongs to another stream: its check does not fit")
      }
      guard batch.hasDictionary else {
        throw Refusal(.protocolViolation, "a batch needs a dictionary that is not among the last ones")
      }
      if let next, batch.header.firstSequence != next {
        throw Self.gap(expected: next, got: batch.header.firstSequence)
      }
      next = batch.header.lastSequence + 1
    }
    guard let first = batches.first, let last = batches.last, first.header.firstSequence <= range.from,
      first.header.lastSequence >= range.from, last.header.firstSequence <= range.to,
      last.header.lastSequence >= range.to
    else { throw Refusal(.protocolViolation, "the batches do not cover \(range.from) to \(range.to)") }
    subscription?.terms.delivered(range.entryCountMax(of: batches))
    return .success(
      Delivery(handle: range.handle, from: range.from, to: range.to, batches: batches, byteCount: run.count))
  }
}
