internal import LogsStore
internal import LogsWire

/// A page of the stream list in the making: names are compared a slice a turn.
struct ListSearch {
  let request: ListRequest
  private var after: StreamName?
  private var found: [StreamInfo] = []

  /// Names compared in one turn: about a millisecond.
  private static let comparisonCountMax = 4_096

  init(_ request: ListRequest) {
    self.request = request
    after = request.after
  }

  /// Compares the next names.
  ///
  /// - Returns: the page, when it is complete.
  mutating func step(_ store: Store) -> Listing? {
    let pattern = request.pattern ?? .all
    // One more than asked for tells whether a further page exists.
    let wanted = Int(request.limit) + 1
    let slice = store.streams(after: after, limit: Self.comparisonCountMax, where: { _ in true })
    after = slice.last?.name
    for info in slice where found.count < wanted && pattern.matches(info.name) { found.append(info) }
    guard found.count == wanted || slice.count < Self.comparisonCountMax else { return nil }
    let page = found.prefix(wanted - 1).map { info in
      StreamSummary(
        stream: info.name, incarnation: info.incarnation, first: info.first, head: info.head,
        entryCount: info.entryCount, byteCount: info.storedByteCount, lastReceived: info.lastReceived,
        isSealed: info.isSealed)
    }
    return Listing(streams: page, hasMore: found.count == wanted)
  }
}

extension ServerConnection {
  func list(_ id: UInt32, _ request: ListRequest) {
    searches[id] = ListSearch(request)
    goOnListing(id)
  }

  func goOnListing(_ id: UInt32) {
    guard let listing = searches[id]?.step(desk.store) else {
      guard searches[id] != nil else { return }
      // Lets the other connections of the shard take their turns first.
      let connection = self.id
      return desk.shard.execute { $0.goOnListing(id, of: connection) }
    }
    searches[id] = nil
    send(session.answer(id, .listing(listing)))
  }
}
