internal import CSystem
internal import Glibc
internal import LogsClient
internal import LogsSystem
internal import LogsText
internal import LogsTransport
internal import LogsWire

/// Reads one file, whatever becomes of its name.
///
/// Its bookmark is the end of the last line that was shipped. What is read is compared with what was there before, so
/// that a file that was emptied and written anew is noticed even if it is longer than before.
final class FileReader: SourceReader {
  enum State {
    /// It has a name that the source reads.
    case named
    /// Its name is gone or another file's: it is read to its end, until nobody writes to it any more.
    case detached
  }

  /// Which has it until it ends.
  let source: FileSource
  /// An older file of the same stream: its lines come first.
  weak var predecessor: FileReader?
  let identity: OpenFileIdentity
  let key: String
  let stream: StreamName
  var state = State.named
  /// The name under which it can be opened; the last one if it is detached and was not found under another.
  var path: String
  /// Whether it was found under a name that the source does not read.
  var hasOtherName = false
  /// Since when it is closed and looked for: its name is gone.
  var missingSince: MonotonicTime?
  /// Whether it was looked for in vain: what was read of it is shipped, and it ends.
  var isGivenUp = false
  /// Whether it was written to since it was last read.
  var isModified = false
  /// The same behind symbolic links.
  var realPath: String
  var descriptor: Descriptor?
  var number: Int32? { descriptor?.number }
  /// When it had its last turn.
  private(set) var turnLast = MonotonicTime(nanoseconds: 0)
  /// When it last had something to read.
  private(set) var growthLast: MonotonicTime
  private(set) var detachedLast = MonotonicTime(nanoseconds: 0)
  private(set) var timeLast: Int64 = 0
  /// Whether entries without a time were shipped in this turn: they were written about now.
  private var hasUntimed = false

  /// How far it has been read; what is between the mark and this waits for the rest of a line or group.
  private(set) var offset: UInt64
  private(set) var mark: FileMark
  /// Whether it has no bookmark yet.
  private var isNew: Bool
  /// A file of another name whose lines go to the same stream, as long as that is to be said.
  var namesake: String?
  /// The last bytes before `offset`, as they were read.
  private var tail: FileSample
  private var cutter: LineCutter
  private var pipeline: LinePipeline
  /// Whether lines may have been cut by a container runtime.
  private let joinsPartials: Bool
  private var partials = PartialLines()
  /// Lines that the source's rate has cost since the last status entry.
  private var droppedCount: UInt64 = 0
  /// Since when a line waits for its end.
  private var lineSince: MonotonicTime?
  private var timer: LoopTimer?
  var sizeLast: UInt64 = 0
  /// The size when there was nothing more to read: zeros at the end may be left.
  private(set) var sizeAtEnd: UInt64 = 0
  /// From the place up to here there are only zeros, as far as was looked.
  private(set) var zerosEnd: UInt64 = 0
  /// The same of the turn right before, which did not come to an end.
  private var zerosSeen: UInt64 = 0

  init(
    _ source: FileSource, _ descriptor: consuming Descriptor, _ identity: OpenFileIdentity, path: String,
    mark: FileMark, isNew: Bool
  ) {
    self.source = source
    self.descriptor = consume descriptor
    self.identity = identity
    self.path = path
    realPath = path
    self.mark = mark
    key = source.key(identity)
    stream = source.stream(mark.path)
    offset = mark.offset
    tail = mark.tail
    self.isNew = isNew
    growthLast = source.desk.loop.now
    joinsPartials = source.configuration.lines.format == .cri
    var lines = source.configuration.lines
    if !source.configuration.isStreamExact(of: mark.path, host: source.host) {
      lines.attributes.append(LogAttribute("log.file.path", .string(mark.path)))
    }
    pipeline = LinePipeline(lines)
    cutter = LineCutter(LineCutter.Configuration())
    begin()
    noteSize()
    if isNew, !mark.isInherited { source.desk.note(key, timedMark.value) }
  }

  private func begin() {
    cutter = LineCutter(LineCutter.Configuration())
    if offset > 0 { cutter.resume(at: offset, utf16: mark.utf16) }
  }

  /// Another file has its name, or none.
  func detach() {
    if state == .named { detachedLast = source.desk.loop.now }
    state = .detached
    hasOtherName = false
  }

  // MARK: Turns

  func read(into shipment: inout Shipment) -> Bool {
    let now = source.desk.loop.now
    turnLast = now
    timer?.cancel()
    timer = nil
    if let deadline = pipeline.deadline, deadline <= now { flushGroup(into: &shipment) }
    if isGivenUp {
      endMissing(into: &shipment)
      return false
    }
    if source.rate?.mustWait(self) == true { return false }
    beginMark(into: &shipment)
    tellNamesake(into: &shipment)
    if let before = predecessor {
      // Once it is found or given up, there is a turn.
      if before.missingSince != nil { return false }
      if before.hasGrown, !before.isStuck {
        source.desk.turn(before)
        return true
      }
      // Two files that are both written to take turns from now on.
      if before.state == .named { predecessor = nil }
    }
    guard open() else { return false }
    let hasMore = readOn(into: &shipment, now)
    if !hasMore { atEnd(into: &shipment, now) }
    return hasMore
  }

  /// - Returns: whether there is more.
  private func readOn(into shipment: inout Shipment, _ now: MonotonicTime) -> Bool {
    guard let number = descriptor?.number else { return false }
    var status = stat()
    guard unsafe fstat(number, &status) == 0 else { return false }
    let size = UInt64(clamping: status.st_size)
    sizeLast = size
    isModified = false
    if size < offset {
      startAgain("truncated at \(size), read to \(offset)", into: &shipment)
      return size > 0
    }
    zerosEnd = min(zerosEnd, size)
    guard size > offset else { return false }
    let tailCount = tail.byteCount
    guard let bytes = pread(number, at: offset - UInt64(tailCount), count: tailCount + Shipment.turnByteCount) else {
      return false
    }
    let isSame = bytes.count >= tailCount && FileSample(bytes.prefix(tailCount)) == tail
    if !isSame {
      startAgain("overwritten from the beginning, read to \(offset)", into: &shipment)
      return true
    }
    var new = bytes.dropFirst(tailCount)
    if new.isEmpty { return false }
    let order = offset == 0 ? Self.utf16(new) : cutter.utf16
    if let order {
      new = Self.wholeLines(new, isBigEndian: order)
    } else {
      let count = new.count
      new = FileZeros.without(new)
      if new.isEmpty { return skipZeros(count, number, size, into: &shipment) }
      new = source.rate?.within(new) ?? new
    }
    growthLast = now
    tail = FileSample(bytes[..<new.endIndex].suffix(FileMark.tailByteCountMax))
    offset += UInt64(new.count)
    take(cutter.append(new), now, into: &shipment)
    if hasUntimed { timeLast = SystemClock.wall() }
    hasUntimed = false
    setMark(bytes[..<new.endIndex], into: &shipment)
    return offset < size
  }

  /// Zeros with nothing behind them are room that the writer has reserved: they are not read, nor do they count as
  /// read. Zeros with something behind them are a hole, which a writer leaves that goes on at its old offset after the
  /// file was emptied: they are skipped.
  ///
  /// - Parameter count: how many zeros there are at the place, at least.
  /// - Returns: whether there is more.
  private func skipZeros(_ count: Int, _ number: Int32, _ size: UInt64, into shipment: inout Shipment) -> Bool {
    let start = max(zerosSeen, offset + UInt64(count))
    zerosSeen = 0
    switch FileZeros.behind(number, start, size) {
    case .more(let place):
      (zerosEnd, zerosSeen) = (place, place)
      return true
    case .end:
      zerosEnd = size
      return false
    case .data(let place):
      // Written from the place on while it was looked behind it.
      if FileSource.bytes(number, offset, 1) != [0] { return true }
      if cutter.isInLine { flush(into: &shipment) }
      offset = place
      tail = FileSample()
      cutter.resume(at: offset, utf16: nil)
      return true
    }
  }

  private func pread(_ number: Int32, at offset: UInt64, count: Int) -> ArraySlice<UInt8>? {
    while true {
      let got = unsafe source.buffer.withUnsafeMutableBytes {
        unsafe Glibc.pread(number, $0.baseAddress, min(count, $0.count), off_t(clamping: offset))
      }
      if got >= 0 { return source.buffer[..<got] }
      if errno == EINTR { continue }
      source.cannotRead(self, .last)
      return nil
    }
  }

  // MARK: Lines

  private func take(_ lines: [LineCutter.Line], _ now: MonotonicTime, into shipment: inout Shipment) {
    var end = mark.offset
    for line in lines {
      // The rest of a line that was shipped without its end.
      if mark.isInLine {
        mark.isInLine = false
        if line.byteCount == 0 {
          end = max(end, line.end)
          continue
        }
      }
      let whole = SourceLine(line.bytes, byteCount: line.byteCount, end: line.end)
      if joinsPartials {
        partials.add(whole) { hand($0, now, &end, &shipment) }
      } else {
        hand(whole, now, &end, &shipment)
      }
    }
    if cutter.utf16 != nil {
      pipeline.flush { entry, _ in if let entry { add(entry, into: &shipment) } }
      if !cutter.isInLine { end = offset }
    }
    mark.offset = end
  }

  private func hand(
    _ line: SourceLine, _ now: MonotonicTime, _ end: inout UInt64, _ shipment: inout Shipment
  ) {
    pipeline.add(line, now) { entry, lineEnd in
      end = max(end, lineEnd)
      if let entry { add(entry, into: &shipment) }
    }
  }

  private func add(_ entry: LogEntry, into shipment: inout Shipment) {
    guard source.rate?.take() ?? true else {
      droppedCount += 1
      return
    }
    tellDropped(into: &shipment)
    if entry.time != 0 { timeLast = entry.time } else { hasUntimed = true }
    shipment.add(entry, to: stream)
  }

  /// Says in the stream how many lines the rate has cost it.
  private func tellDropped(into shipment: inout Shipment) {
    guard droppedCount > 0, let rate = source.rate else { return }
    let attributes = source.configuration.lines.attributes + [LogAttribute("file.path", .string(path))]
    shipment.add(rate.notice(droppedCount, of: path, attributes), to: stream)
    droppedCount = 0
  }

  private func flushGroup(into shipment: inout Shipment) {
    let before = mark.offset
    pipeline.flush { entry, end in
      mark.offset = max(mark.offset, end)
      if let entry { add(entry, into: &shipment) }
    }
    if mark.offset != before { setMark([], into: &shipment) }
  }

  /// - Parameter bytes: what is in the file before `offset`, as far as it is at hand.
  private func setMark(_ bytes: ArraySlice<UInt8>, into shipment: inout Shipment) {
    let behind = offset - mark.offset
    let count = min(UInt64(FileMark.tailByteCountMax), mark.offset)
    if UInt64(bytes.count) >= behind + count {
      mark.tail = FileSample(bytes.dropLast(Int(behind)).suffix(Int(count)))
    } else if let number = descriptor?.number, let tail = pread(number, at: mark.offset - count, count: Int(count)) {
      mark.tail = FileSample(tail)
    } else {
      // It is closed. Nothing is compared with what the mark had before.
      mark.tail = FileSample()
    }
    if mark.head.byteCount < FileMark.headByteCountMax, let number = descriptor?.number,
      let head = pread(number, at: 0, count: Int(min(UInt64(FileMark.headByteCountMax), mark.offset)))
    {
      mark.head = FileSample(head)
    }
    mark.utf16 = cutter.utf16
    storeMark(into: &shipment)
  }

  /// Where it begins is kept before anything was shipped: its name may be another one by then.
  private func beginMark(into shipment: inout Shipment) {
    guard isNew else { return }
    isNew = false
    mark = timedMark
    // What another source has read goes before.
    if mark.isInherited { shipment.set(key, mark.value) } else { shipment.begin(key, mark.value) }
  }

  private func tellNamesake(into shipment: inout Shipment) {
    guard let namesake else { return }
    source.tell("\(mark.path) and \(namesake) lead to this stream", "share", of: self, into: &shipment)
    self.namesake = nil
  }

  private func storeMark(into shipment: inout Shipment) {
    mark = timedMark
    shipment.set(key, mark.value)
  }

  private var timedMark: FileMark {
    var timed = mark
    timed.time = SystemClock.wall() / 1_000_000_000
    timed.realPath = realPath
    return timed
  }

  /// Ships what waits for more, though it did not come.
  private func flush(into shipment: inout Shipment) {
    flushGroup(into: &shipment)
    if !partials.isEmpty {
      var end = mark.offset
      partials.flush { hand($0, source.desk.loop.now, &end, &shipment) }
      pipeline.flush { entry, lineEnd in
        end = max(end, lineEnd)
        if let entry { add(entry, into: &shipment) }
      }
      mark.offset = end
      setMark([], into: &shipment)
    }
    guard cutter.isInLine else { return }
    let order = cutter.utf16
    take(cutter.endFile(), source.desk.loop.now, into: &shipment)
    pipeline.flush { entry, _ in if let entry { add(entry, into: &shipment) } }
    cutter.resume(at: offset, utf16: order)
    mark.offset = offset
    mark.isInLine = true
    setMark([], into: &shipment)
  }

  /// The file was emptied and perhaps written anew.
  private func startAgain(_ what: String, into shipment: inout Shipment) {
    flush(into: &shipment)
    source.tell(what, "truncate", of: self, into: &shipment)
    offset = 0
    sizeAtEnd = 0
    zerosEnd = 0
    tail = FileSample()
    mark.wasTruncated = true
    mark.offset = 0
    mark.head = FileSample()
    mark.tail = FileSample()
    mark.isInLine = false
    mark.utf16 = nil
    lineSince = nil
    begin()
    storeMark(into: &shipment)
  }

  /// Whether the end of a line is waited for.
  var holdsLine: Bool { cutter.isInLine || !partials.isEmpty }

  // MARK: At the end of the file

  private func atEnd(into shipment: inout Shipment, _ now: MonotonicTime) {
    sizeAtEnd = sizeLast
    if hasRoom { source.setPolling() }
    if holdsLine {
      let since = lineSince ?? now
      lineSince = since
      if since + source.configuration.lineWait <= now {
        lineSince = nil
        flush(into: &shipment)
      }
    } else {
      lineSince = nil
    }
    if state == .detached, isOver(now) {
      flush(into: &shipment)
      end(into: &shipment)
      return
    }
    let waits = [pipeline.deadline, lineSince.map { $0 + source.configuration.lineWait }].compactMap(\.self).min()
    guard let waits else { return }
    timer = source.desk.loop.schedule(after: .nanoseconds(Int64(clamping: waits.nanoseconds(since: now)))) {
      [weak self] in
      guard let self else { return }
      source.desk.turn(self)
    }
  }

  private func end(into shipment: inout Shipment) {
    if isRemoved { shipment.set(key, nil) }
    tellDropped(into: &shipment)
    source.ended(self)
  }

  /// It was closed, and nobody knows where it is: what was read of it is shipped, and what was not is said.
  private func endMissing(into shipment: inout Shipment) {
    flush(into: &shipment)
    source.tellLost(self, into: &shipment)
    tellDropped(into: &shipment)
    source.ended(self)
  }

  func finish(into shipment: inout Shipment) {
    beginMark(into: &shipment)
    if isRemoved {
      readLast(into: &shipment)
    } else if missingSince != nil {
      flush(into: &shipment)
    } else {
      // A line without its end is read again by the next shipper, when it may be whole.
      flushGroup(into: &shipment)
    }
    tellDropped(into: &shipment)
    cancel()
  }

  /// What is left of a file that nobody can open any more.
  private func readLast(into shipment: inout Shipment) {
    var before: UInt64?
    while shipment.group.byteCount < Self.lastByteCountMax, offset != before {
      before = offset
      guard readOn(into: &shipment, source.desk.loop.now) else { break }
    }
    flush(into: &shipment)
    if waitingByteCount > 0 {
      let count = Figures.count(waitingByteCount, "byte", "bytes")
      source.tell("removed, and \(count) of it were not read before the end", "remove", of: self, into: &shipment)
    }
    shipment.set(key, nil)
  }

  /// Of a last shipment that holds the rest of removed files.
  private static let lastByteCountMax = 8 << 20

  func cancel() {
    timer?.cancel()
    timer = nil
  }
}
