/// Gathers one page from the events of a subscription that ends at the head.
struct PageReader {
  /// A page is full after this many bytes of messages, whatever its limit: an entry may have 1 MiB.
  static let messageByteCountMax = 64 << 20

  private var gathered: ReadPage
  /// Why the subscription has ended, once it has.
  private(set) var end: EndReason?
  private var messageByteCount = 0
  private var sealed: Set<StreamName> = []
  /// Whether all streams have been announced. If they take several requests, the limit may be reached before.
  private var isResolved = false

  /// - Parameters:
  ///   - cursor: where to begin.
  ///   - selectors: streams selected by name are in the page whether they exist or not.
  init(after cursor: LogCursor, of selectors: [StreamSelector]) {
    gathered = ReadPage(cursor: cursor)
    for case .stream(let name) in selectors { gathered.heads[name] = 0 }
  }

  var isFull: Bool { messageByteCount >= Self.messageByteCountMax }

  mutating func take(_ event: FollowEvent) throws(LogError) {
    switch event {
    case .announced(let stream):
      gathered.heads[stream.stream] = stream.head
      if stream.isSealed { sealed.insert(stream.stream) }
    case .batch(let batch):
      for part in batch.parts {
        for entry in try part.entries() {
          messageByteCount += entry.message.count
          gathered.entries.append(StreamEntry(stream: batch.stream, incarnation: batch.incarnation, entry: entry))
        }
      }
    case .skipped(let skip): gathered.skipped.append(skip)
    case .ended(let reason): end = reason
    case .resolved: isResolved = true
    case .deleted, .live, .behind, .interrupted, .resumed: break
    }
    gathered.cursor.advance(past: event)
  }

  var page: ReadPage {
    var page = gathered
    page.isAtHead = isResolved && page.heads.allSatisfy { page.cursor[$0.key]?.sequence ?? 0 >= $0.value }
    page.completed = sealed.filter { page.cursor[$0]?.sequence == page.heads[$0] }
    return page
  }
}
