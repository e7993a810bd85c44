internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// Ships the entries of a systemd journal, each once, in the journal's order.
///
/// What was read is marked by the journal's own cursor of the last entry that is shipped. libsystemd keeps files open
/// that are removed meanwhile, and looks for changes only when all that it knows of has been read: entries
/// are missed only if they are removed while nobody reads.
package final class JournalSource: Source, SourceReader {
  private let configuration: JournalConfiguration
  private let library: JournalLibrary
  private let host: String
  private var desk: (any ShipDesk)?
  private var journal: Journal?
  private var watch: LoopWatch?
  private var timer: LoopTimer?
  private var rate: SourceRate?
  /// Entries of each stream that the rate has cost since its last status entry.
  private var droppedCounts: [StreamName: UInt64] = [:]
  private var pipeline: LinePipeline
  /// The entries that were read and are not covered by a bookmark yet, by their numbers.
  private var cursors = Deque<(number: UInt64, cursor: JournalCursor)>()
  private var numberLast: UInt64 = 0
  /// The entry that was read last, here or before.
  private var last: JournalCursor?
  /// The next entry is the first behind a bookmark.
  private var isResuming = false
  /// Files of the journal have come or gone since the last entry.
  private var haveFilesChanged = false
  /// Whether every number has had its entry so far: of a journal of which not all files may be read it has not.
  private var isComplete = true
  private var timeLast: Int64 = 0
  package private(set) var problem: String?

  private static let retryDelay = Duration.seconds(5)
  /// What an entry takes in a turn beside its message.
  private static let entryByteCount = 512

  /// - Throws: if libsystemd is not there, or the configuration cannot be meant.
  package init(_ configuration: JournalConfiguration, host: String) throws(JournalProblem) {
    try configuration.check()
    self.configuration = configuration
    self.host = host
    library = try JournalLibrary()
    pipeline = LinePipeline(configuration.lines)
  }

  package var name: String { configuration.name }
  package var lag: SourceLag { SourceLag(timeLast: timeLast, readerCount: journal == nil ? 0 : 1) }
  private var key: String { "journal \(configuration.name)" }

  package func begin(_ desk: any ShipDesk) {
    self.desk = desk
    rate = configuration.rate.map { SourceRate($0, of: name, desk) }
    last = desk.bookmark(key).map { JournalCursor($0.text) }
    desk.turn(self)
  }

  package var isHeldBack: Bool { rate?.isHolding ?? false }

  package func end() {
    watch?.cancel()
    watch = nil
    timer?.cancel()
    timer = nil
    rate?.end()
  }

  // MARK: Turns

  package func read(into shipment: inout Shipment) -> Bool {
    guard let desk else { return false }
    if rate?.mustWait(self) == true { return false }
    do throws(JournalProblem) {
      let journal = if let journal = self.journal { journal } else { try open() }
      var byteCount = 0
      while byteCount < Shipment.turnByteCount {
        guard try journal.next() else {
          switch try journal.process() {
          case .nothing: return wait(for: journal, &shipment)
          case .added: break
          case .filesChanged: haveFilesChanged = true
          }
          continue
        }
        byteCount += take(journal, &shipment) + Self.entryByteCount
      }
      return true
    } catch {
      if problem != error.description { desk.log(.error, "\(name): \(error.description)") }
      problem = error.description
      close()
      wait(for: Self.retryDelay)
      return false
    }
  }

  package func finish(into shipment: inout Shipment) { flush(&shipment) }

  /// - Throws: if the journal cannot be opened.
  private func open() throws(JournalProblem) -> Journal {
    let journal = try Journal(library, configuration)
    let descriptor = try journal.descriptor()
    if let last {
      try journal.seek(last)
      isResuming = true
    } else {
      try journal.seekHead()
    }
    do throws(SystemError) {
      watch = try desk?.loop.watch(descriptor, for: .readable) { [weak self] in self?.changed() }
    } catch {
      throw JournalProblem(description: "the journal cannot be watched: \(error.text)")
    }
    watch?.pause()
    self.journal = journal
    if problem != nil { desk?.log(.notice, "\(name): the journal is read again") }
    problem = nil
    return journal
  }

  private func close() {
    watch?.cancel()
    watch = nil
    journal = nil
  }

  private func changed() {
    watch?.pause()
    desk?.turn(self)
  }

  /// All that is there has been read.
  private func wait(for journal: Journal, _ shipment: inout Shipment) -> Bool {
    guard let desk else { return false }
    if let deadline = pipeline.deadline, deadline <= desk.loop.now { flush(&shipment) }
    do throws(SystemError) { try watch?.resume() } catch {
      desk.log(.warning, "\(name): the journal is looked at every few seconds: \(error.text)")
      wait(for: Self.retryDelay)
    }
    if let deadline = [pipeline.deadline, journal.timeout].compactMap({ $0 }).min() {
      wait(for: .nanoseconds(Int64(clamping: deadline.nanoseconds(since: desk.loop.now))))
    }
    return false
  }

  private func wait(for delay: Duration) {
    timer?.cancel()
    timer = desk?.loop.schedule(after: delay) { [weak self] in self?.changed() }
  }

  // MARK: Entries

  /// Takes the entry that the journal is at.
  ///
  /// - Returns: the bytes of its message.
  private func take(_ journal: Journal, _ shipment: inout Shipment) -> Int {
    guard let cursor = journal.cursor else { return 0 }
    if let last {
      if isResuming, cursor.isOfSameEntry(as: last) {
        isResuming = false
        return 0
      }
      noteGap(from: last, to: cursor, &shipment)
    }
    isResuming = false
    haveFilesChanged = false
    last = cursor
    let entry = JournalEntry(journal, configuration.lines.rules)
    var line = entry.line
    timeLast = line.time
    numberLast += 1
    line.end = numberLast
    cursors.append((numberLast, cursor))
    let now = desk?.loop.now ?? MonotonicTime.now()
    var emitted = Emitted()
    pipeline.add(line, now) { emitted.take($0, $1) }
    ship(emitted, &shipment)
    return line.byteCount
  }

  private struct Emitted {
    private(set) var entries: [LogEntry] = []
    private(set) var end: UInt64 = 0

    mutating func take(_ entry: LogEntry?, _ end: UInt64) {
      if let entry { entries.append(entry) }
      self.end = end
    }
  }

  private func flush(_ shipment: inout Shipment) {
    var emitted = Emitted()
    pipeline.flush { emitted.take($0, $1) }
    ship(emitted, &shipment)
  }

  private func ship(_ emitted: Emitted, _ shipment: inout Shipment) {
    for entry in emitted.entries { ship(entry, &shipment) }
    var covered: JournalCursor?
    while let first = cursors.first, first.number <= emitted.end {
      covered = first.cursor
      _ = cursors.removeFirst()
    }
    if let covered { shipment.set(key, ByteString(covered.text)) }
  }

  private func ship(_ entry: LogEntry, _ shipment: inout Shipment) {
    let stream = stream(of: entry)
    guard let rate else { return shipment.add(entry, to: stream) }
    guard rate.take() else {
      droppedCounts[stream, default: 0] += 1
      return
    }
    if let count = droppedCounts.removeValue(forKey: stream) {
      shipment.add(rate.notice(count, of: stream.text, configuration.lines.attributes), to: stream)
    }
    shipment.add(entry, to: stream)
  }

  private func stream(of entry: LogEntry) -> StreamName {
    func text(_ key: String) -> String? {
      if case .string(let text) = entry.attributes.first(where: { $0.key == key })?.value { text } else { nil }
    }
    return configuration.stream.stream { word in
      switch word {
      case "unit": text("systemd.unit") ?? (entry.source.isEmpty ? "other" : entry.source.text)
      case "identifier": entry.source.isEmpty ? "other" : entry.source.text
      case "host": text("host.name") ?? host
      default: ""
      }
    }
  }

  // MARK: Gaps

  /// Entries that were removed before they were read leave a gap in the numbers of the journal. Others do, too: of a
  /// filtered journal, or one of which not all files may be read, only the entry of the bookmark tells.
  private func noteGap(from last: JournalCursor, to cursor: JournalCursor, _ shipment: inout Shipment) {
    let isFiltered = !configuration.units.isEmpty || !configuration.matches.isEmpty || configuration.isOfThisBoot
    let distance = cursor.distance(from: last)
    guard isResuming || haveFilesChanged && isComplete && !isFiltered else {
      if distance != 0 { isComplete = false }
      return
    }
    guard distance != 0, !(configuration.isOfThisBoot && !cursor.isOfSameBoot(as: last)) else { return }
    let text =
      switch distance {
      case nil: "journal: entries may have been vacuumed before they were read"
      // Numbers count all entries, of which only some are wanted.
      case let distance? where isFiltered: "journal: up to \(distance) entries vacuumed before they were read"
      case let distance?: "journal: \(distance) entries vacuumed before they were read"
      }
    let entry = LogEntry(
      message: ByteString(text), time: SystemClock.wall(), severity: .warning,
      attributes: configuration.lines.attributes, kind: .status)
    shipment.add(entry, to: stream(of: entry))
    desk?.log(.warning, "\(name): \(text)")
  }
}
