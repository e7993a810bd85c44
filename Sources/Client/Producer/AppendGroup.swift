internal import LogsSystem
public import LogsWire

/// Entries for any number of streams, and bookmarks of the sources that they come from: accepted together, in one
/// transaction of the spool, or not at all.
///
/// Entries are encoded as they are added, so that a group takes little more than their bytes. Made by
/// `LogProducer.group()`, filled by one task at a time, and handed over with `LogProducer.accept`.
public struct AppendGroup: ~Copyable, Sendable {
  private let batchEntryCountMax: Int
  private let batchByteCountMax: Int
  private(set) var drafts: [Draft] = []
  /// The draft of each stream that still has room.
  private var open: [StreamName: Draft] = [:]
  private var bookmarks: [String: SourceBookmark] = [:]
  private var beginnings: [String: SourceBookmark] = [:]
  let pending: PendingAppend
  /// Entries added so far.
  public private(set) var entryCount = 0
  /// Bytes of the entries added so far, before compression.
  public private(set) var byteCount = 0

  init(_ configuration: LogProducerConfiguration, stream: StreamName) {
    batchEntryCountMax = configuration.batchEntryCountMax
    batchByteCountMax = configuration.batchByteCountMax
    pending = PendingAppend(stream: stream, wantsReceipt: false)
  }

  /// Whether there is nothing to append. Bookmarks alone are not stored: they go with the next entries.
  public var isEmpty: Bool { drafts.isEmpty }

  /// The batches that they make.
  public var batchCount: Int { drafts.count }

  /// Adds an entry. Attributes that no entry can hold are left out, and `logs.truncated_attributes` says how many; an
  /// entry of kind `complete` gets kind `status`.
  public mutating func add(_ entry: LogEntry, to stream: StreamName) {
    if entry.kind == .complete {
      var status = entry
      status.kind = .status
      return add(status, to: stream)
    }
    var draft = openDraft(of: stream)
    var byteCountBefore = draft.byteCount
    if !draft.append(entry, for: pending) {
      open[stream] = nil
      draft = openDraft(of: stream)
      byteCountBefore = draft.byteCount
      let isAdded = draft.append(entry, for: pending)
      precondition(isAdded, "an empty batch has room for any entry")
    }
    entryCount += 1
    byteCount += draft.byteCount - byteCountBefore
    if draft.entryCount >= batchEntryCountMax || draft.byteCount >= batchByteCountMax { open[stream] = nil }
  }

  /// Seals a stream behind the entries added so far.
  public mutating func complete(_ stream: StreamName, text: String = "") {
    open[stream] = nil
    let draft = begin(stream)
    draft.complete(text: text, for: pending)
  }

  /// Sets how far a source has been read when the entries added so far are stored.
  public mutating func set(_ bookmark: SourceBookmark) { bookmarks[bookmark.key] = bookmark }

  /// Sets where a source begins that has not been read: stored once the group is accepted, whatever its entries wait
  /// for (`SpoolConfiguration.Commit`).
  package mutating func begin(_ bookmark: SourceBookmark) { beginnings[bookmark.key] = bookmark }

  private mutating func openDraft(of stream: StreamName) -> Draft {
    if let draft = open[stream] { return draft }
    let draft = begin(stream)
    open[stream] = draft
    return draft
  }

  private mutating func begin(_ stream: StreamName) -> Draft {
    let draft = Draft(stream: stream, ordinal: 0, begun: MonotonicTime.now(), accepted: SystemClock.wall())
    drafts.append(draft)
    return draft
  }

  /// - Throws: `LogError` with `invalidRequest`.
  func check() throws(LogError) {
    for bookmark in bookmarks.values { try bookmark.check() }
    for bookmark in beginnings.values { try bookmark.check() }
  }

  /// The drafts as the queue takes them: each but the last is followed, and the last one has the bookmarks.
  func sealed() -> [Draft] {
    for draft in drafts.dropLast() { draft.isFollowed = true }
    drafts.last?.bookmarks = bookmarks.values.sorted { $0.key < $1.key }
    drafts.last?.beginnings = beginnings.values.sorted { $0.key < $1.key }
    return drafts
  }
}

extension LogProducer {
  /// An empty group for this producer.
  public func group() -> AppendGroup { AppendGroup(configuration, stream: stream) }

  /// Hands a group over and returns once all of it is on disk, with its bookmarks.
  ///
  /// Whatever happens, all of a group is stored or none of it. If the spool is full it waits for room, makes room, or
  /// fails, as `whenFull` says; a group may exceed the room by its own size.
  /// - Throws: `LogError`: `invalidRequest` (no entries, no spool, a bookmark that is too large), `queueFull`,
  ///   `closed`, `cancelled`; nothing was taken, unless `mayHaveTakenEffect`.
  public func accept(_ group: consuming AppendGroup) async throws(LogError) {
    guard configuration.spool != nil else {
      throw LogError(.invalidRequest, "entries and bookmarks are stored together by a spool, and there is none")
    }
    guard !group.isEmpty else { throw LogError(.invalidRequest, "there is nothing to append: no entries") }
    try group.check()
    let pending = group.pending
    try await intake.submit(group.sealed(), pending)
    try await pending.waitUntilAccepted()
  }

  /// Stores how far sources have been read that have no bookmark yet: at once, also if there is no room for entries.
  /// Those that have one keep it, so that it does not matter whether entries are accepted before or after.
  ///
  /// - Throws: `LogError`: `invalidRequest` (a bookmark that is too large), `spoolFailed`.
  package func note(_ bookmarks: [SourceBookmark]) async throws(LogError) {
    for bookmark in bookmarks { try bookmark.check() }
    try await core.note(bookmarks)
  }

  /// How far each source has been read whose entries this producer, or an earlier one with the same spool, has stored.
  ///
  /// - Throws: `LogError` with `spoolFailed`.
  public var bookmarks: [String: ByteString] {
    get async throws(LogError) { try await core.bookmarks() }
  }
}
