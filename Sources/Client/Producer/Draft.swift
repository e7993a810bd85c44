internal import LogsSystem
internal import LogsWire

/// A batch that is being filled, or the completion of a stream.
///
/// Invariant behind `@unchecked Sendable`: accessed under the intake's lock until the producer's thread has taken it,
/// then only on that thread.
final class Draft: @unchecked Sendable {
  private(set) var stream: StreamName
  /// Drafts are numbered in the order in which they are begun.
  private(set) var ordinal: UInt64
  private(set) var begun: MonotonicTime
  /// When it was begun, in ns since 1970.
  private(set) var accepted: Int64
  /// The text of the `complete` entry; nil for a batch.
  private(set) var completionText: String?
  /// Entries of the application: notices do not count.
  private(set) var entryCount = 0
  /// How many of them had to be cut to fit.
  private(set) var truncatedCount = 0
  /// Dropped entries that the notices in it stand for.
  private(set) var toldCount: UInt64 = 0
  private(set) var shares: [Share] = []
  /// Whether it is complete: nothing is added any more.
  var isSealed = false
  /// Whether it is sent without lingering.
  var isUrgent = false
  /// Whether it belongs to an `AppendGroup`: it is neither joined with others nor dropped.
  private(set) var isGrouped = false
  /// Whether the next draft is stored in the same transaction.
  var isFollowed = false
  /// Stored in the same transaction as the batch.
  var bookmarks: [SourceBookmark] = []
  /// Of sources that begin with it.
  var beginnings: [SourceBookmark] = []
  private var builder = BatchBuilder(seed: HashSeed.process)

  init(stream: StreamName, ordinal: UInt64, begun: MonotonicTime, accepted: Int64) {
    self.stream = stream
    self.ordinal = ordinal
    self.begun = begun
    self.accepted = accepted
  }

  /// Turns an empty draft into a new one, which reuses its memory.
  func reuse(stream: StreamName, ordinal: UInt64, begun: MonotonicTime, accepted: Int64) {
    precondition(builder.count == 0 && shares.isEmpty, "a draft is encoded before it is used again")
    self.stream = stream
    self.ordinal = ordinal
    self.begun = begun
    self.accepted = accepted
    completionText = nil
    entryCount = 0
    truncatedCount = 0
    toldCount = 0
    isSealed = false
    isUrgent = false
    isGrouped = false
    isFollowed = false
    bookmarks = []
    beginnings = []
  }

  /// Enters the queue as a part of a group.
  func join(ordinal: UInt64) {
    self.ordinal = ordinal
    isSealed = true
    isGrouped = true
  }

  /// Whether other entries may take its room.
  var isDisplaceable: Bool { isSealed && completionText == nil && !isGrouped }

  /// Bytes before compression.
  var byteCount: Int { builder.payloadByteCount }

  /// What a draft takes besides its bytes.
  static let overheadByteCount = 1 << 10

  /// Adds an entry. Attributes that no entry can hold are left out, and another attribute says how many.
  ///
  /// - Returns: false if there is no room for it.
  func append(_ entry: LogEntry, for pending: PendingAppend? = nil) -> Bool {
    let offset = UInt64(builder.count)
    let cutCount = builder.truncatedCount
    var leavesOut = false
    guard add(entry, leavesOut: &leavesOut) else { return false }
    entryCount += 1
    let isTruncated = leavesOut || builder.truncatedCount > cutCount
    if isTruncated { truncatedCount += 1 }
    guard let pending else { return true }
    if isTruncated { pending.truncated(1) }
    if let last = shares.last, last.pending === pending, last.offset + last.count == offset {
      shares[shares.count - 1].count += 1
    } else {
      pending.open()
      shares.append(Share(pending: pending, offset: offset, count: 1))
    }
    return true
  }

  /// Adds a notice about `count` dropped entries.
  ///
  /// - Returns: false if there is no room for it.
  func appendNotice(_ count: UInt64) -> Bool {
    var leavesOut = false
    let notice = DropNotice(entryCount: count, reason: .queueFull).entry(time: SystemClock.wall())
    guard add(notice, leavesOut: &leavesOut) else { return false }
    toldCount += count
    return true
  }

  /// - Parameter leavesOut: set if the entry has attributes that no entry can hold.
  private func add(_ entry: LogEntry, leavesOut: inout Bool) -> Bool {
    do throws(InvalidEntry) { return try builder.append(entry) == .added } catch {
      leavesOut = true
      do throws(InvalidEntry) { return try builder.append(entry.fitted()) == .added } catch {
        preconditionFailure("a fitted entry is one that a batch can hold: \(error)")
      }
    }
  }

  /// Turns it into a completion.
  func complete(text: String, for pending: PendingAppend) {
    pending.open()
    shares.append(Share(pending: pending, offset: 0, count: 1))
    completionText = text
    isSealed = true
  }

  /// Encodes the batch, and empties the draft.
  func encode(with compressor: borrowing Compressor) -> EncodedBatch {
    let content: AppendLane.Content
    if let completionText {
      content = .completion(text: completionText)
    } else {
      content = AppendLane.Content(builder.finish(compressor: compressor))
    }
    defer { shares = [] }
    return EncodedBatch(
      stream: stream, content: content, entryCount: entryCount, accepted: accepted, isFollowed: isFollowed,
      bookmarks: bookmarks, beginnings: beginnings, shares: shares)
  }
}

/// The entries of one submission in a batch.
struct Share: Sendable {
  let pending: PendingAppend
  /// How many entries come before them in the batch.
  let offset: UInt64
  var count: UInt64

  /// The batch is durable under these numbers.
  func acknowledged(_ incarnation: Incarnation, _ range: ClosedRange<UInt64>, isDuplicate: Bool) {
    let first = range.lowerBound + offset
    pending.acknowledged(incarnation, first...first + (count - 1), isDuplicate: isDuplicate)
  }
}
