internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// The drafts of all streams, in the order in which they were begun. A value, which the intake keeps under its lock.
struct DraftQueue {
  /// How many empty drafts are kept for reuse.
  private static let spareCountMax = 4

  private let batchEntryCountMax: Int
  private let batchByteCountMax: Int
  private var drafts = Deque<Draft>()
  /// The open draft of each stream.
  private var open: [StreamName: Draft] = [:]
  private var spare: [Draft] = []
  private var ordinalLast: UInt64 = 0
  /// Entries that were dropped here and have no notice in their stream yet.
  private var untold: [StreamName: UInt64] = [:]
  /// The streams of those entries, in turn, perhaps with some that have got their notice since.
  private var streamsToTell = UniqueQueue<StreamName>()
  /// How many drafts may be displaced, so that not all open ones have to be searched for every entry.
  private var displaceableCount = 0
  /// The bytes of all drafts before compression.
  private(set) var byteCount = 0
  /// How many entries so far had to be cut to fit.
  private(set) var truncatedCount: UInt64 = 0
  /// Whether the thread that takes drafts has something new to do: one was begun or sealed, or entries were dropped.
  var hasNews = false

  init(batchEntryCountMax: Int, batchByteCountMax: Int) {
    self.batchEntryCountMax = batchEntryCountMax
    self.batchByteCountMax = batchByteCountMax
  }

  /// Whether there are streams that need a notice.
  var hasUntold: Bool { !untold.isEmpty }

  // MARK: Filling

  mutating func add(_ entry: LogEntry, to stream: StreamName, for pending: PendingAppend? = nil) {
    tell(stream)
    put(into: stream) { $0.append(entry, for: pending) }
  }

  /// The last entries of a stream are sent without lingering.
  mutating func hurry(_ stream: StreamName) {
    // A draft that is full is sent anyway.
    guard let draft = open[stream], !draft.isUrgent else { return }
    draft.isUrgent = true
    hasNews = true
  }

  /// - Parameter append: adds to the draft; returns false if there is no room.
  private mutating func put(into stream: StreamName, _ append: (Draft) -> Bool) {
    var draft = openDraft(of: stream)
    var (byteCountBefore, truncatedCountBefore) = (draft.byteCount, draft.truncatedCount)
    if !append(draft) {
      seal(stream)
      draft = openDraft(of: stream)
      (byteCountBefore, truncatedCountBefore) = (draft.byteCount, draft.truncatedCount)
      let isAdded = append(draft)
      precondition(isAdded, "an empty batch has room for any entry")
    }
    byteCount += draft.byteCount - byteCountBefore
    truncatedCount += UInt64(draft.truncatedCount - truncatedCountBefore)
    if draft.entryCount >= batchEntryCountMax || draft.byteCount >= batchByteCountMax { seal(stream) }
  }

  private mutating func openDraft(of stream: StreamName) -> Draft {
    if let draft = open[stream] { return draft }
    let draft = begin(stream)
    open[stream] = draft
    return draft
  }

  private mutating func begin(_ stream: StreamName) -> Draft {
    ordinalLast += 1
    let (begun, accepted) = (MonotonicTime.now(), SystemClock.wall())
    let draft: Draft
    if let used = spare.popLast() {
      used.reuse(stream: stream, ordinal: ordinalLast, begun: begun, accepted: accepted)
      draft = used
    } else {
      draft = Draft(stream: stream, ordinal: ordinalLast, begun: begun, accepted: accepted)
    }
    byteCount += draft.byteCount + Draft.overheadByteCount
    drafts.append(draft)
    hasNews = true
    return draft
  }

  private mutating func seal(_ stream: StreamName) {
    guard let draft = open.removeValue(forKey: stream) else { return }
    draft.isSealed = true
    displaceableCount += 1
    hasNews = true
  }

  /// Adds the completion of a stream after everything that was added to it before.
  mutating func complete(_ stream: StreamName, text: String, for pending: PendingAppend) {
    tell(stream)
    seal(stream)
    begin(stream).complete(text: text, for: pending)
  }

  /// Adds the drafts of a group behind everything that their streams have.
  mutating func add(_ group: [Draft]) {
    for draft in group {
      tell(draft.stream)
      seal(draft.stream)
      ordinalLast += 1
      draft.join(ordinal: ordinalLast)
      byteCount += draft.byteCount + Draft.overheadByteCount
      truncatedCount += UInt64(draft.truncatedCount)
      drafts.append(draft)
    }
    hasNews = true
  }

  // MARK: Dropping

  /// An entry was dropped because there was no room.
  ///
  /// Only the first one wakes the thread: waking it for every entry that it has no room for would keep callers from the
  /// lock.
  mutating func dropped(_ stream: StreamName) {
    if isUntold(stream, 1) { hasNews = true }
  }

  /// - Returns: whether these are the first since the last notice.
  private mutating func isUntold(_ stream: StreamName, _ count: UInt64) -> Bool {
    let before = untold[stream, default: 0]
    untold[stream] = before + count
    if before == 0 { streamsToTell.append(stream) }
    return before == 0
  }

  /// Drops the oldest draft that is full.
  mutating func displace() -> Draft? {
    guard displaceableCount > 0 else { return nil }
    for offset in 0..<drafts.count where drafts[offset].isDisplaceable {
      let draft = drafts.remove(at: offset)
      displaceableCount -= 1
      byteCount -= draft.byteCount + Draft.overheadByteCount
      _ = isUntold(draft.stream, UInt64(draft.entryCount) + draft.toldCount)
      hasNews = true
      return draft
    }
    return nil
  }

  /// Adds notices to streams, one after the other, as long as there is room.
  mutating func tell(byteCountMax: Int) {
    while byteCount < byteCountMax, let stream = streamsToTell.popFirst() { tell(stream) }
  }

  private mutating func tell(_ stream: StreamName) {
    guard !untold.isEmpty, let count = untold.removeValue(forKey: stream) else { return }
    put(into: stream) { $0.appendNotice(count) }
  }

  // MARK: Taking

  /// The number of the draft begun last.
  var ordinalNewest: UInt64 { ordinalLast }

  /// The number of the oldest draft; nil when there is none.
  var ordinalOldest: UInt64? { drafts.first?.ordinal }

  /// The drafts that are sealed or due, up to `byteCountMax` and one draft or group.
  mutating func take(byteCountMax: Int, _ due: DueDrafts) -> [Draft] {
    var taken: [Draft] = []
    var takenByteCount = 0
    var kept = Deque<Draft>()
    var isGroupOpen = false
    // If a draft stays, later ones of its stream must stay as well. This holds: only open drafts stay, and an open one
    // is the last of its stream.
    while let draft = drafts.popFirst() {
      guard isGroupOpen || takenByteCount < byteCountMax, draft.isSealed || due.contains(draft) else {
        kept.append(draft)
        continue
      }
      isGroupOpen = draft.isFollowed
      if !draft.isSealed { seal(draft.stream) }
      if draft.isDisplaceable { displaceableCount -= 1 }
      takenByteCount += draft.byteCount + Draft.overheadByteCount
      taken.append(draft)
    }
    drafts = kept
    byteCount -= takenByteCount
    hasNews = false
    return taken
  }

  /// Returns an encoded draft for reuse.
  mutating func giveBack(_ draft: Draft) { if spare.count < Self.spareCountMax { spare.append(draft) } }

  /// When the draft that becomes due next by its age was begun: the oldest one that `due` has left and that does not
  /// wait for the window of its stream.
  func begunFirst(_ due: DueDrafts) -> MonotonicTime? {
    (0..<drafts.count).lazy.map { drafts[$0] }.first { !$0.isSealed && !due.isBlocked($0) }?.begun
  }
}

/// Which open drafts do not wait for more entries.
enum DueDrafts: Sendable {
  case all
  /// Drafts of streams with nothing in flight, which gain nothing by waiting, unless the client `isBusy` with other
  /// streams; urgent drafts; and drafts begun before `time`. None of a stream whose window is `full`.
  case begun(before: MonotonicTime, windows: [StreamName: SendWindow], full: Int, isBusy: Bool)

  func contains(_ draft: Draft) -> Bool {
    switch self {
    case .all: return true
    case .begun(let time, let windows, let full, let isBusy):
      let window = windows[draft.stream] ?? SendWindow()
      if window.handedCount == 0, !window.hasFailed, !isBusy { return true }
      return window.handedCount < full && (draft.isUrgent || draft.begun <= time)
    }
  }

  /// Whether a draft has to wait for answers, however old it is.
  func isBlocked(_ draft: Draft) -> Bool {
    switch self {
    case .all: false
    case .begun(_, let windows, let full, _): windows[draft.stream]?.handedCount ?? 0 >= full
    }
  }
}
