internal import LogsStore
internal import LogsWire

/// LIST, STAT and dry runs of DELETE, answered in the connection's turns, and only as fast as its socket takes the
/// answers. LIST and STAT tell what the client may read when they are answered.
extension ServerConnection {
  /// A request that is not answered yet.
  enum Request {
    case list(ListSearch)
    case stat
    case look(Deletion)
  }

  func begin(_ id: UInt32, _ request: Request) {
    requests[id] = request
    awaitTurn(id)
  }

  /// Works on a request, as far as the turn allows.
  func answer(_ id: UInt32, _ request: Request, _ turn: inout Turn) {
    switch request {
    case .stat:
      turn.spend(.status)
      requests[id] = nil
      send(session.answer(id, .status(core.facts(for: access.rights))))
    case .look(let deletion):
      turn.spend(.stream)
      requests[id] = nil
      answer(id, core.store.look(at: deletion))
    case .list(var search):
      guard let listing = search.step(&turn) else {
        requests[id] = .list(search)
        return awaitTurn(id)
      }
      requests[id] = nil
      send(session.answer(id, .listing(listing)))
    }
    closeIfDone()
  }
}

/// A page of the stream list in the making.
struct ListSearch {
  private let request: ListRequest
  private let source: any StreamSource
  private var names: NameSearch
  private var found: [StreamSummary] = []

  init(_ request: ListRequest, source: any StreamSource, rights: Rights) {
    (self.request, self.source) = (request, source)
    names = NameSearch(PatternIndex([request.pattern ?? .all]), after: request.after, source: source, rights: rights)
  }

  /// Begins anew: the client may read other streams.
  mutating func restart(_ rights: Rights) { self = ListSearch(request, source: source, rights: rights) }

  /// Goes on.
  ///
  /// - Returns: the page, when it is complete.
  mutating func step(_ turn: inout Turn) -> Listing? {
    while !turn.isOver {
      switch names.next(&turn) {
      case .found(let info):
        turn.spend(.row)
        // One more than was asked for shows that another page exists.
        if found.count == Int(request.limit) { return Listing(streams: found, hasMore: true) }
        found.append(StreamSummary(info))
      case .later: return nil
      case .done: return Listing(streams: found, hasMore: false)
      }
    }
    return nil
  }
}

extension StreamSummary {
  init(_ info: StreamInfo) {
    self.init(
      stream: info.name, incarnation: info.incarnation, first: info.firstKept, head: info.head,
      entryCount: info.keptEntryCount, byteCount: info.keptByteCount, lastReceived: info.lastReceived,
      isSealed: info.isSealed)
  }
}
