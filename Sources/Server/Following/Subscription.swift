internal import LogsStore
internal import LogsWire

/// One FOLLOW: its streams, fed from the store until they reach the head and by commits from then on.
///
/// A stream of it is `behind` or `live` (`Track.Mode`). Live streams get each commit as it comes. When credit or socket is
/// full, a live stream falls behind: nothing is buffered for it, it is read from the store once there is room (P7). Streams
/// that are behind take turns; at most one read is under way.
final class Subscription {
  let id: UInt32
  private(set) var tracks: [Track] = []

  private let follow: Follow
  private unowned let connection: ServerConnection
  private let hub: Hub
  private var names: Set<StreamName> = []
  /// Names that were asked for and do not exist yet.
  private var missingNames: Set<StreamName> = []
  private var patterns: [StreamPattern] = []
  /// Handles of the streams that are behind, in the order of their turns.
  private var turns: [UInt32] = []
  private var isReading = false
  /// Streams that were there at the beginning and are not told yet, with their heads of then.
  private var untold: ArraySlice<StreamInfo> = []
  private var scan = Scan.done
  /// The youngest stream when the subscription began.
  private var newestStream: Int64 = 0
  private var cursor: [StreamName: CursorPosition] = [:]
  /// Streams whose start is being looked up.
  private var unresolvedCount = 0
  private var isResolved = false
  /// Streams that LIVE waits for.
  private var backlogCount = 0
  private var isLive = false
  /// Entries that may still be delivered.
  private var remaining: UInt64?
  private var isOver = false

  /// How far the names have been compared with the patterns.
  private enum Scan {
    case from(StreamName?)
    case done
  }

  /// Comparisons of a name with a pattern in one turn of the loop: about a millisecond.
  private static let scanMatchCount = 4_096

  /// Stored bytes in one BATCH frame, unless a single batch is larger.
  static let frameByteCount = 256 << 10

  init(id: UInt32, follow: Follow, connection: ServerConnection, hub: Hub) {
    self.id = id
    self.follow = follow
    self.connection = connection
    self.hub = hub
    remaining = follow.end.limit
  }
}

// MARK: - Resolving

extension Subscription {
  /// Finds the streams and where each starts, tells them, and begins to deliver.
  func begin() {
    if follow.isReverse, follow.end.time != nil {
      return refuse(Refusal(.badRequest, "reverse begins at the head or at a sequence number, not at a time"))
    }
    for position in follow.cursor { cursor[position.stream] = position }
    newestStream = hub.store.newestStreamID
    for selector in follow.selectors {
      switch selector {
      case .stream(let name): names.insert(name)
      case .pattern(let pattern): patterns.append(pattern)
      }
    }
    for name in names.sorted() {
      if let info = hub.store.stream(named: name) {
        untold.append(info)
        continue
      }
      missingNames.insert(name)
      if let position = cursor[name], position.sequence > 0 {
        return refuse(Self.ahead(position.sequence, of: name, incarnation: .any, head: 0))
      }
    }
    if !patterns.isEmpty {
      // The scan comes by the named ones as well, so that all are told in one order.
      untold = []
      scan = .from(nil)
    }
    // Waits for streams from here on: one that comes into being meanwhile is told by a later commit.
    if !follow.end.atHead, !follow.isReverse, !missingNames.isEmpty || !patterns.isEmpty { hub.await(self) }
    resolve()
  }

  /// Tells the streams, as fast as the socket takes them and a slice of names a turn; goes on where it stopped.
  func resolve() {
    while !isOver, let info = untold.first {
      guard connection.hasRoom(for: id) else { return }
      untold.removeFirst()
      open(info)
    }
    if !isOver, case .from(let name) = scan {
      scanSlice(after: name)
      return connection.resumeLater(id)
    }
    guard !isOver, unresolvedCount == 0, !isResolved else { return }
    isResolved = true
    cursor = [:]
    connection.tell(id, .resolved(streamCount: UInt32(tracks.count)))
    if remaining == 0 { return end(.limit) }
    for track in tracks {
      track.isBacklog = true
      backlogCount += 1
    }
    for track in tracks where !isOver { start(track) }
    if !isOver { becomeLiveIfReady() }
    endIfDone()
    pump()
  }

  /// Looks for matches among the next names: so many that other connections of the shard do not wait for long.
  private func scanSlice(after name: StreamName?) {
    let count = max(1, Self.scanMatchCount / patterns.count)
    let slice = hub.store.streams(after: name, limit: count, where: { _ in true })
    scan = slice.count < count ? .done : .from(slice.last?.name)
    // What came into being after FOLLOW is told by its commit.
    untold = slice.filter { $0.id <= newestStream && (names.contains($0.name) || wants($0.name)) }[...]
  }

  /// Whether a stream that has come into being belongs to this subscription.
  func wants(_ name: StreamName) -> Bool {
    missingNames.contains(name) || patterns.contains { $0.matches(name) }
  }

  /// Takes in a stream that has come into being: everything of it, from number 1 on.
  func add(_ info: StreamInfo) {
    guard !isOver, !tracks.contains(where: { $0.channel.id == info.id }) else { return }
    missingNames.remove(info.name)
    let track = newTrack(info)
    track.bound = follow.end.sequence
    announce(track, position: 0)
    if isResolved { start(track) }
    pump()
  }

  private func newTrack(_ info: StreamInfo) -> Track {
    let track = Track(handle: UInt32(tracks.count), channel: hub.channel(info), subscription: self)
    tracks.append(track)
    track.channel.join(track)
    return track
  }

  /// Decides where the delivery of a stream starts.
  private func open(_ info: StreamInfo) {
    if let position = cursor[info.name] {
      if position.incarnation != .any, position.incarnation != info.incarnation { return refuse(Self.replaced(info)) }
      if position.sequence > info.head {
        return refuse(Self.ahead(position.sequence, of: info.name, incarnation: info.incarnation, head: info.head))
      }
      return settle(newTrack(info), after: position.sequence, head: info.head)
    }
    switch follow.start {
    case .first: settle(newTrack(info), after: 0, head: info.head)
    case .now: settle(newTrack(info), after: info.head, head: info.head)
    case .last(let count): settle(newTrack(info), after: info.head - min(count, info.head), head: info.head)
    case .from(let sequence):
      if sequence - 1 > info.head {
        return refuse(Self.ahead(sequence - 1, of: info.name, incarnation: info.incarnation, head: info.head))
      }
      settle(newTrack(info), after: sequence - 1, head: info.head)
    case .since(let time):
      unresolvedCount += 1
      connection.findSequence(stream: info.id, atOrAfter: time, subscription: id, handle: newTrack(info).handle)
    }
  }

  /// The answer to a look-up.
  func startFound(_ handle: UInt32, _ result: Result<UInt64, StoreError>) {
    guard !isOver else { return }
    switch result {
    case .failure(let error): refuse(Self.unreadable(error))
    case .success(let sequence):
      unresolvedCount -= 1
      let track = tracks[Int(handle)]
      settle(track, after: max(sequence, 1) - 1, head: track.channel.head)
      resolve()
    }
  }

  /// Delivery of `track` starts after `position`.
  ///
  /// - Parameter head: what an end at the head means for this stream.
  private func settle(_ track: Track, after position: UInt64, head: UInt64) {
    if follow.isReverse {
      track.bound = position + 1
      track.next = max(min(follow.end.sequence ?? head, head), position) + 1
      announce(track, position: track.next)
    } else {
      track.next = position + 1
      track.bound = follow.end.atHead ? min(follow.end.sequence ?? head, head) : follow.end.sequence
      announce(track, position: position)
    }
  }

  private func announce(_ track: Track, position: UInt64) {
    let channel = track.channel
    track.mode = .behind
    connection.tell(
      id,
      .stream(
        Announcement(
          handle: track.handle, isSealed: channel.isSealed, incarnation: channel.incarnation, position: position,
          head: channel.head, stream: channel.name)))
  }

  private func start(_ track: Track) {
    if updateMode(of: track) { turns.append(track.handle) }
  }
}

// MARK: - Delivering

extension Subscription {
  /// A commit brought entries to a stream. Those that are behind will read them.
  func offer(_ run: CommittedRun, to track: Track) {
    guard !isOver, case .live = track.mode else { return }
    guard run.last >= track.next else {
      // Nothing new in it, but it may have sealed the stream.
      _ = updateMode(of: track)
      return endIfDone()
    }
    precondition(run.first <= track.next, "commits reach a shard in order")
    if !deliver(run.batches, from: track.next, to: run.last, track) { return }
    if updateMode(of: track) { turns.append(track.handle) }
    endIfDone()
    // What did not fit is read from the store, once there is room.
    pump()
  }

  /// Feeds streams that are behind, one read each in turn, for as long as credit and socket have room.
  func pump() {
    if !isResolved { return resolve() }
    while !isOver, !isReading, let handle = turns.first, connection.canDeliver(id) {
      let track = tracks[Int(handle)]
      let request = ReadRequest(
        stream: track.channel.id, from: follow.isReverse ? track.bound ?? 1 : track.next,
        to: follow.isReverse ? track.next - 1 : min(track.bound ?? .max, track.channel.head),
        byteCountMax: Self.frameByteCount, isReverse: follow.isReverse)
      if let result = hub.store.readCached(request) {
        turns.removeFirst()
        apply(result, to: track)
      } else {
        isReading = true
        connection.read(request, subscription: id, handle: handle)
      }
    }
  }

  /// The answer to a read.
  func readFinished(_ handle: UInt32, _ result: Result<ReadResult, StoreError>) {
    isReading = false
    guard !isOver else { return }
    switch result {
    case .failure(let error): refuse(Self.unreadable(error))
    case .success(let result):
      turns.removeFirst()
      apply(result, to: tracks[Int(handle)])
      pump()
    }
  }

  private func apply(_ result: ReadResult, to track: Track) {
    for piece in result.pieces {
      // Credit or socket may have filled up on the way; the rest is read again later.
      guard !isOver, !track.isDone, connection.canDeliver(id) else { break }
      switch piece {
      case .batches(let from, let to, let batches):
        guard deliver(batches, from: from, to: to, track) else { return }
      case .skip(let from, let to, let reason):
        connection.tell(id, .skip(Skip(handle: track.handle, reason: reason, from: from, to: to)))
        track.next = follow.isReverse ? from : to + 1
      }
    }
    guard !isOver else { return }
    if updateMode(of: track) {
      // In reverse one stream comes after the other.
      turns.insert(track.handle, at: follow.isReverse ? 0 : turns.count)
    }
    becomeLiveIfReady()
    endIfDone()
  }

  /// Sends what `from` to `to` allows, as far as ends, credit and socket allow it, and moves `track.next` past it.
  ///
  /// - Returns: false when the subscription is over.
  private func deliver(_ run: Bytes, from: UInt64, to: UInt64, _ track: Track) -> Bool {
    var from = from
    var to = to
    var isCutByTime = false
    do throws(DecodingError) {
      if let bound = track.bound, !follow.isReverse { to = min(to, bound) }
      if let time = follow.end.time, !follow.isReverse {
        let cut = try BatchCut.last(of: run, from: from, to: to, notAfter: time, decoder: &hub.decoder)
        isCutByTime = cut.isCut
        guard let last = cut.to else {
          track.mode = .done(.until)
          return true
        }
        to = last
      }
      if let remaining {
        let wanted = min(remaining, to - from + 1)
        if follow.isReverse { from = to - (wanted - 1) } else { to = from + (wanted - 1) }
      }
      var offset = 0
      while from <= to, connection.canDeliver(id),
        let piece = try BatchCut.next(
          of: run, at: &offset, from: from, to: to, byteCountMax: min(Self.frameByteCount, connection.creditLeft(id)))
      {
        connection.deliver(
          id, BatchRange(handle: track.handle, from: piece.from, to: piece.to), batches: piece.batches)
        from = piece.to + 1
        // In reverse a run is one batch.
        track.next = follow.isReverse ? piece.from : from
        if let remaining { self.remaining = remaining - (piece.to - piece.from + 1) }
      }
      // The time's end counts once everything before it is delivered.
      isCutByTime = isCutByTime && from > to
    } catch {
      refuse(Refusal(.internalError, "stream '\(track.channel.name)' holds a batch that cannot be read: \(error)"))
      return false
    }
    if remaining == 0 {
      end(.limit)
      return false
    }
    if isCutByTime { track.mode = .done(.until) }
    return true
  }
}

// MARK: - Modes and ends

extension Subscription {
  /// Looks at where the track is now. A track that has reached the head is live, one at its end is done.
  ///
  /// - Returns: whether it is behind.
  private func updateMode(of track: Track) -> Bool {
    if track.isDone {
      leaveBacklog(track)
      return false
    }
    let isAtHead: Bool
    let isAtEnd: Bool
    if follow.isReverse {
      isAtHead = false
      isAtEnd = track.next <= track.bound ?? 1
    } else {
      isAtHead = track.next > track.channel.head
      isAtEnd = track.bound.map { track.next > $0 } ?? (isAtHead && isPastEndTime)
    }
    if isAtEnd {
      track.mode = .done(.until)
    } else if isAtHead, track.channel.isSealed {
      track.mode = .done(.sealed)
    } else if isAtHead {
      track.mode = .live
    } else {
      track.mode = .behind
      return true
    }
    leaveBacklog(track)
    return false
  }

  /// Nothing that is stored from now on belongs to it any more.
  private var isPastEndTime: Bool { follow.end.time.map { WallTime.now().nanoseconds > $0 } ?? false }

  /// Looks at the clock: a subscription until a time ends when that has passed.
  func tick() {
    guard !isOver, isResolved, isPastEndTime else { return }
    for track in tracks { if case .live = track.mode { _ = updateMode(of: track) } }
    endIfDone()
  }

  private func leaveBacklog(_ track: Track) {
    guard track.isBacklog else { return }
    track.isBacklog = false
    backlogCount -= 1
  }

  private func becomeLiveIfReady() {
    guard isResolved, backlogCount == 0, !isLive, !follow.isReverse, !willEndNow else { return }
    isLive = true
    connection.tell(id, .live)
  }

  private var willEndNow: Bool { endReason != nil }

  /// Why the subscription is over now, if it is.
  private var endReason: EndReason? {
    guard isResolved, tracks.allSatisfy(\.isDone) else { return nil }
    if follow.isReverse { return .start }
    if follow.end.atHead { return .until }
    guard missingNames.isEmpty, !tracks.isEmpty else { return nil }
    let endsBySeal = tracks.allSatisfy { if case .done(.sealed) = $0.mode { true } else { false } }
    if endsBySeal { return patterns.isEmpty ? .complete : nil }
    return .until
  }

  private func endIfDone() {
    guard !isOver, let reason = endReason else { return }
    end(reason)
  }

  /// The client wants no more.
  func cancel() { end(.cancelled) }

  private func end(_ reason: EndReason) {
    guard !isOver else { return }
    isOver = true
    connection.endSubscription(self, reason)
  }

  private func refuse(_ refusal: Refusal) {
    guard !isOver else { return }
    isOver = true
    connection.refuseSubscription(self, refusal)
  }

  private static func replaced(_ info: StreamInfo) -> Refusal {
    Refusal(
      .streamReplaced,
      "stream '\(info.name)' is not the one the cursor was taken from: its history was replaced or it was created anew; start without the cursor to read it",
      stream: .init(name: info.name.text, incarnation: info.incarnation, head: info.head))
  }

  private static func ahead(_ sequence: UInt64, of name: StreamName, incarnation: Incarnation, head: UInt64) -> Refusal
  {
    Refusal(
      .cursorAhead,
      "sequence number \(sequence) of stream '\(name)' lies beyond its last one, \(head): the server's data is older than the cursor, or another server's; start without the cursor to read it",
      stream: .init(name: name.text, incarnation: incarnation, head: head))
  }

  private static func unreadable(_ error: StoreError) -> Refusal {
    Refusal(.storageFailed, "reading failed: \(error)", isRetryable: true)
  }
}
