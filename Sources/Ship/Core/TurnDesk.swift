internal import LogsClient
internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// Gives readers their turns, one after the other, and gathers what they read into shipments.
///
/// Fair: each reader has one turn of bounded size, then the next. Bounded: while `inFlightCountMax` shipments are on
/// their way to the disk nobody has a turn, so that a source that floods is read no faster than the spool takes it.
/// Bound to its loop.
final class TurnDesk: ShipDesk {
  let loop: EventLoop
  private let configuration: ShipperConfiguration
  private let makeGroup: () -> AppendGroup
  /// Takes a shipment on its way; `accepted` follows.
  private let hand: (consuming AppendGroup) -> Void
  /// Stores bookmarks of what has none yet.
  private let keep: ([SourceBookmark]) -> Void
  private let report: (LogSeverity, String) -> Void

  private var waiting = Deque<any SourceReader>()
  private var waitingIDs: Set<ObjectIdentifier> = []
  /// All readers that have ever asked for a turn and have not ended.
  private var readers: [ObjectIdentifier: any SourceReader] = [:]
  private var shipment: Shipment?
  private var lingerTimer: LoopTimer?
  private(set) var pace: Duration
  private var inFlightCount = 0
  private var isWorkDue = false
  private var isStopped = false
  private var bookmarks: [String: ByteString]
  /// Bookmarks of what has none yet.
  private var notes: [String: ByteString] = [:]
  private var noteTimer: LoopTimer?
  private(set) var counts = ShipperCounts()
  /// Entries of the shipper itself that wait for the next shipment.
  private var ownEntries = Deque<LogEntry>()
  /// Older ones that there was no room for.
  private var ownDroppedCount = 0
  private var ownBudget = LogBudget()
  /// How many of them are in the open shipment.
  private var ownCount = 0

  /// Own entries that wait while nothing is shipped.
  static let ownEntryCountMax = 1_000
  /// A shipment of this size is sent.
  private static let shipmentByteCountMax = 1 << 20
  /// Some that go to the disk together, and some that gather meanwhile.
  private static let inFlightCountMax = 4
  /// Each batch costs the spool, the client and the server about the same, however small it is. The more a shipment
  /// had, the longer the next one gathers, up to `paceMax`.
  private static let paceOfBatch = Duration.microseconds(500)
  private static let paceMax = Duration.milliseconds(500)
  /// Turns before timers and descriptors have theirs.
  private static let turnCountMax = 16
  /// How long a new bookmark may wait to be stored with entries.
  private static let noteDelay = Duration.milliseconds(100)

  init(
    _ loop: EventLoop, _ configuration: ShipperConfiguration, bookmarks: [String: ByteString],
    makeGroup: @escaping () -> AppendGroup, hand: @escaping (consuming AppendGroup) -> Void,
    keep: @escaping ([SourceBookmark]) -> Void, report: @escaping (LogSeverity, String) -> Void
  ) {
    self.loop = loop
    self.configuration = configuration
    self.bookmarks = bookmarks
    self.makeGroup = makeGroup
    self.hand = hand
    self.keep = keep
    self.report = report
    pace = configuration.linger
  }

  // MARK: What sources ask for

  func turn(_ reader: any SourceReader) {
    let id = ObjectIdentifier(reader)
    readers[id] = reader
    if waitingIDs.insert(id).inserted { waiting.append(reader) }
    workSoon()
  }

  func forget(_ reader: any SourceReader) { readers[ObjectIdentifier(reader)] = nil }

  func bookmark(_ key: String) -> ByteString? {
    if let gathered = shipment?.bookmarks[key] { return gathered }
    return bookmarks[key]
  }

  func bookmarkKeys(_ prefix: String) -> [String] { bookmarks.keys.filter { $0.hasPrefix(prefix) }.sorted() }

  func note(_ key: String, _ value: ByteString) {
    notes[key] = value
    guard noteTimer == nil else { return }
    noteTimer = loop.schedule(after: Self.noteDelay) { self.keepNotes() }
  }

  private func keepNotes() {
    noteTimer?.cancel()
    noteTimer = nil
    // What was sent is on disk if nothing is on its way.
    let missing = notes.filter { inFlightCount > 0 || bookmarks[$0.key] == nil }
    notes = [:]
    if !missing.isEmpty { keep(missing.map { SourceBookmark(key: $0.key, value: $0.value) }) }
  }

  func log(_ severity: LogSeverity, _ text: String) {
    guard ownBudget.take(loop.now) else { return }
    report(severity, text)
    add(LogEntry(message: ByteString(text), time: SystemClock.wall(), severity: severity, source: "logs ship"))
  }

  /// Adds an entry to the shipper's own stream. If too many wait, the oldest goes, and an entry will say so.
  func add(_ entry: LogEntry) {
    guard configuration.ownStream != nil else { return }
    if ownEntries.count == Self.ownEntryCountMax {
      _ = ownEntries.popFirst()
      ownDroppedCount += 1
    }
    ownEntries.append(entry)
    workSoon()
  }

  // MARK: Turns

  private func workSoon() {
    guard !isWorkDue, inFlightCount < Self.inFlightCountMax else { return }
    isWorkDue = true
    loop.executeAtEndOfTurn {
      self.isWorkDue = false
      self.work()
    }
  }

  private func work() {
    guard !isStopped, inFlightCount < Self.inFlightCountMax else { return }
    var current = shipment.take() ?? Shipment(makeGroup())
    addOwn(to: &current)
    var turnCount = 0
    while turnCount < Self.turnCountMax, current.group.byteCount < Self.shipmentByteCountMax,
      let reader = waiting.popFirst()
    {
      turnCount += 1
      let id = ObjectIdentifier(reader)
      waitingIDs.remove(id)
      guard readers[id] != nil else { continue }
      if reader.read(into: &current), waitingIDs.insert(id).inserted { waiting.append(reader) }
    }
    let isFull = current.group.byteCount >= Self.shipmentByteCountMax
    shipment = consume current
    if isFull || (waiting.isEmpty && pace == .zero) {
      send()
    } else if waiting.isEmpty {
      beginLinger()
    }
    if !waiting.isEmpty { continueLater() }
  }

  /// In the next turn of the loop, so that its descriptors and timers have theirs.
  private func continueLater() {
    guard !isWorkDue, inFlightCount < Self.inFlightCountMax else { return }
    isWorkDue = true
    loop.schedule(after: .zero) {
      self.isWorkDue = false
      self.work()
    }
  }

  private func addOwn(to shipment: inout Shipment) {
    if ownDroppedCount > 0 {
      let entries = Figures.count(ownDroppedCount, "entry", "entries")
      let text = "\(entries) of ship's own log dropped: nothing could be shipped for too long"
      addOwn(
        LogEntry(message: ByteString(text), time: SystemClock.wall(), severity: .warning, source: "logs ship"),
        to: &shipment)
      ownDroppedCount = 0
    }
    while let entry = ownEntries.popFirst() { addOwn(entry, to: &shipment) }
  }

  private func addOwn(_ entry: LogEntry, to shipment: inout Shipment) {
    guard let stream = configuration.ownStream else { return }
    var entry = entry
    entry.attributes += configuration.attributes
    ownCount += 1
    shipment.add(entry, to: stream)
  }

  private func beginLinger() {
    guard lingerTimer == nil, shipment?.group.isEmpty == false else { return }
    lingerTimer = loop.schedule(after: pace) {
      self.lingerTimer = nil
      if self.inFlightCount < Self.inFlightCountMax { self.send() }
    }
  }

  /// Bookmarks without entries wait for the next ones: what they stand for can be read again.
  private func send() {
    guard let full = shipment.take() else { return }
    guard !full.group.isEmpty else { return shipment = consume full }
    lingerTimer?.cancel()
    lingerTimer = nil
    for (key, value) in full.bookmarks { bookmarks[key] = value }
    inFlightCount += 1
    counts.entryCount += UInt64(full.group.entryCount)
    counts.sourceEntryCount += UInt64(full.group.entryCount - min(ownCount, full.group.entryCount))
    ownCount = 0
    counts.byteCount += UInt64(full.group.byteCount)
    counts.shipmentCount += 1
    pace = min(
      max(configuration.linger, Self.paceOfBatch * full.group.batchCount), max(configuration.linger, Self.paceMax))
    hand(full.takeGroup())
  }

  /// A shipment is on disk.
  func accepted() {
    inFlightCount -= 1
    guard !isStopped else { return }
    if shipment?.group.isEmpty == false, lingerTimer == nil { beginLinger() }
    workSoon()
  }

  var readerCount: Int { readers.count }
  var isIdle: Bool { waiting.isEmpty && inFlightCount == 0 && shipment?.group.isEmpty ?? true }

  // MARK: The end

  /// Ships what readers hold back: nobody has a turn any more.
  func finish() {
    isStopped = true
    keepNotes()
    shipAll()
  }

  /// Ships what readers hold back and forgets them: other sources follow, which go on where these were.
  func shipAll() {
    var last = shipment.take() ?? Shipment(makeGroup())
    addOwn(to: &last)
    for reader in readers.values { reader.finish(into: &last) }
    readers = [:]
    waiting = Deque()
    waitingIDs = []
    shipment = consume last
    send()
  }
}

/// What a shipper has shipped so far.
package struct ShipperCounts: Hashable, Sendable {
  package var entryCount: UInt64 = 0
  /// Those of sources, without the shipper's own.
  package var sourceEntryCount: UInt64 = 0
  /// Bytes of the entries, before compression.
  package var byteCount: UInt64 = 0
  package var shipmentCount: UInt64 = 0
}

/// Keeps the shipper's own log from becoming a flood.
struct LogBudget {
  private var left = LogBudget.burst
  private var refilled = MonotonicTime(nanoseconds: 0)

  /// Lines at once, and how often there is one more.
  private static let burst = 100
  private static let nanosecondsForOne: UInt64 = 100_000_000

  mutating func take(_ now: MonotonicTime) -> Bool {
    let gained = now.nanoseconds(since: refilled) / Self.nanosecondsForOne
    if gained > 0 {
      left = min(Self.burst, left + Int(clamping: gained))
      refilled = now
    }
    guard left > 0 else { return false }
    left -= 1
    return true
  }
}
