internal import LogsClient
internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// What readers of containers need of their source.
protocol ContainerReaderOwner: AnyObject {
  var desk: any ShipDesk { get }
  var name: String { get }
  var configuration: DockerSourceConfiguration { get }
  var rate: SourceRate? { get }
  /// The engine's clock.
  var engineNow: Int64 { get }
  /// The reader wants to read; it is called back by `begin`.
  func wantsToRead(_ reader: ContainerReader)
  /// The reader does not read any more, for now.
  func rests(_ reader: ContainerReader)
  /// What its stream begins with, if no event tells how the container came to be as it is.
  func introduction(of container: DockerContainer) -> LogEntry?
  /// The container is gone, and all of it shipped.
  func ended(_ reader: ContainerReader)
}

/// Ships the log of one container: what the engine has of it since the bookmark, then what comes, until it is removed.
///
/// Each attempt asks what the container is, then for its log, followed if it runs. When that ends it is asked again: a
/// container that has stopped is read once more to the end, since an engine may end a follow before the last lines.
///
/// Where an engine rotates the log, following it is not reliable: an engine may send what a new file begins with twice,
/// and skip files when it or this reader is slow. What it has stored is right. So the log is then read without
/// following first, and followed from there, with a few lines that are known already in front. What comes twice is left
/// out, and what cannot be trusted (`isDoubtful`) ends the follow: it is read again from what is stored.
final class ContainerReader: SourceReader, EngineCallHandler {
  private enum State {
    case idle
    /// Waits for its source to call `begin`.
    case queued
    case inspecting(EngineFetch)
    case reading(EngineCall)
    case pausing(LoopTimer)
    case ended
  }

  static let backoff = Backoff(base: .milliseconds(100), cap: .seconds(5))
  private static let errorByteCountMax = 4 << 10
  /// How many of the stored lines are asked for with a follow of a log that is rotated.
  private static let overlapLineCount = 1_000
  /// A follow whose lines come so late may have skipped some, or will.
  private static let delayNanosecondsMax: Int64 = 1_000_000_000

  let stream: StreamName
  private(set) var container: DockerContainer
  /// The time of the last line that was read.
  private(set) var timeLast: Int64 = 0
  private(set) var bookmark: DockerBookmark
  /// Whether the bookmark is on disk or on the way there: it is there from the first status entry on.
  private(set) var isStored: Bool

  private unowned let owner: any ContainerReaderOwner
  private var state = State.idle
  private var attemptCount = 0
  /// Why the last attempt failed.
  private(set) var problem: String?
  /// Whether something has happened since the last attempt began.
  private var isWoken = false
  private var isGone = false
  /// What waits for a turn.
  private var entries: [LogEntry] = []

  // The current answer.
  private var status = 0
  private var isFollowing = false
  /// Whether the log is rotated, and each line has a time of its own.
  private var isRotated = false
  /// Whether what comes is known to follow what was read before.
  private var isJoined = true
  /// From when the log is to be read again, since a follow cannot be trusted.
  private var timeDoubted: Int64?
  private var decoder = EngineLogDecoder(isTerminal: false)
  private var buffer: [UInt8] = []
  private var hasEnded = false
  private var failure: DockerFailure?

  private var output: ContainerLines
  private var errors: ContainerLines
  private var deadline: LoopTimer?
  /// Lines that the source's rate has cost since the last status entry.
  private var droppedCount: UInt64 = 0

  init(_ container: DockerContainer, _ stream: StreamName, _ stored: DockerBookmark?, _ owner: any ContainerReaderOwner)
  {
    self.container = container
    self.stream = stream
    self.owner = owner
    isStored = stored != nil
    bookmark = stored ?? DockerBookmark(stream: stream.text)
    output = ContainerLines("stdout", owner.configuration.lines)
    errors = ContainerLines("stderr", owner.configuration.lines)
  }

  var id: String { container.id }

  private var loop: EventLoop { owner.desk.loop }

  /// Whether a read is under way.
  var isReading: Bool {
    switch state {
    case .inspecting, .reading: true
    case .idle, .queued, .pausing, .ended: false
    }
  }

  /// Whether it reads what is there already.
  var isCatchingUp: Bool {
    switch state {
    case .queued, .inspecting: true
    case .reading: !isFollowing
    case .idle, .pausing, .ended: false
    }
  }

  // MARK: From the source

  /// There may be something to read.
  func wake() {
    isWoken = true
    switch state {
    case .pausing(let timer):
      timer.cancel()
      queue()
    case .idle: queue()
    case .queued, .inspecting, .reading, .ended: break
    }
  }

  /// The container is removed.
  func remove() {
    isGone = true
    switch state {
    case .pausing(let timer):
      timer.cancel()
      queue()
    case .idle: owner.desk.turn(self)
    case .queued, .inspecting, .reading, .ended: break
    }
  }

  /// A status entry goes to its stream with `shipment`.
  func noteStatus(into shipment: inout Shipment) {
    guard !isStored else { return }
    entries = []
    store(into: &shipment)
  }

  /// Stops reading.
  func stop() {
    switch state {
    case .inspecting(let fetch): fetch.cancel()
    case .reading(let call): call.cancel()
    case .pausing(let timer): timer.cancel()
    case .idle, .queued, .ended: break
    }
    state = .ended
    deadline?.cancel()
  }

  /// It may read now.
  func begin() {
    isWoken = false
    state = .inspecting(
      EngineFetch("/containers/\(id)/json", from: owner.configuration.address, on: loop) { [weak self] result in
        self?.inspected(result)
      })
  }

  private func queue() {
    state = .queued
    owner.wantsToRead(self)
  }

  private func rest() {
    problem = nil
    state = .idle
    owner.rests(self)
    if isWoken { return queue() }
    if isGone { owner.desk.turn(self) }
  }

  private func tryAgain(_ why: String?) {
    problem = why
    let delay = Self.backoff.delay(attempt: attemptCount, retryAfter: nil) { .random(in: 0...$0) }
    attemptCount += 1
    state = .pausing(loop.schedule(after: delay) { [weak self] in self?.queue() })
    owner.rests(self)
  }

  // MARK: The engine's answers

  private func inspected(_ result: Result<EngineFetch.Answer, DockerFailure>) {
    guard case .success(let answer) = result, answer.status == 200,
      let container = DockerContainer(answer: answer.body)
    else {
      switch result {
      case .success(let answer) where answer.status == 404: return rest()
      case .success(let answer):
        return tryAgain(JSONText.message(answer.body) ?? "the engine answers with status \(answer.status)")
      case .failure(let failure): return tryAgain("\(failure)")
      }
    }
    self.container = container
    if !isStored, entries.isEmpty, let entry = owner.introduction(of: container) {
      entries.append(entry)
      owner.desk.turn(self)
    }
    isRotated = container.isRotated && answer.server.hasPrefix("Docker/")
    ask(isFollowing: container.isRunning && !isRotated && owner.configuration.follows)
  }

  /// Asks for the log from the bookmark on.
  ///
  /// - Parameter time: from when it is read at the latest.
  private func ask(isFollowing: Bool, from time: Int64 = .max) {
    self.isFollowing = isFollowing
    var known = bookmark
    for line in output.waiting { known.output.add(line) }
    for line in errors.waiting { known.errors.add(line) }
    output.begin(known.output, hasOwnTimes: isRotated)
    errors.begin(known.errors, hasOwnTimes: isRotated)
    decoder = EngineLogDecoder(isTerminal: container.isTerminal)
    (status, hasEnded, failure, timeDoubted, buffer) = (0, false, nil, nil, [])
    isJoined = known.isEmpty
    var target = "/containers/\(id)/logs?stdout=1&stderr=1&timestamps=1&follow=\(isFollowing ? 1 : 0)"
    if let since = known.since {
      target += "&since=\(EngineTime.since(min(since, time - DockerBookmark.marginNanoseconds)))"
      if isFollowing, isRotated { target += "&tail=\(Self.overlapLineCount)" }
    }
    state = .reading(EngineCall(target, to: owner.configuration.address, on: loop, self))
  }

  func answered(_ status: Int, _ call: EngineCall) { self.status = status }

  func received(_ bytes: ArraySlice<UInt8>, _ call: EngineCall) {
    if status != 200 {
      buffer += bytes.prefix(Self.errorByteCountMax - buffer.count)
      return
    }
    buffer += bytes
    call.pause()
    owner.desk.turn(self)
  }

  func ended(_ failure: DockerFailure?, _ call: EngineCall) {
    hasEnded = true
    self.failure = failure
    owner.desk.turn(self)
  }

  // MARK: Turns

  func read(into shipment: inout Shipment) -> Bool {
    for entry in entries { shipment.add(entry, to: stream) }
    var hasChanged = !entries.isEmpty
    entries = []
    if case .reading(let call) = state { hasChanged = takeBuffer(call, &shipment) || hasChanged }
    let now = loop.now
    if output.flushDue(now, { ship($0, &shipment) }, &bookmark.output) { hasChanged = true }
    if errors.flushDue(now, { ship($0, &shipment) }, &bookmark.errors) { hasChanged = true }
    if case .idle = state, isGone, !isWoken {
      end(into: &shipment)
      return false
    }
    if hasChanged { store(into: &shipment) }
    setDeadline()
    return false
  }

  func finish(into shipment: inout Shipment) {
    if case .ended = state, isGone { return }
    let hasEntries = !entries.isEmpty
    for entry in entries { shipment.add(entry, to: stream) }
    entries = []
    output.flush({ ship($0, &shipment) }, &bookmark.output)
    errors.flush({ ship($0, &shipment) }, &bookmark.errors)
    // Without a bookmark it is introduced again.
    if isStored || hasEntries || !bookmark.isEmpty { store(into: &shipment) }
  }

  private func store(into shipment: inout Shipment) {
    bookmark.prune()
    shipment.set(DockerBookmark.key(id, owner.name), bookmark.encoded())
    isStored = true
  }

  private func ship(_ entry: LogEntry?, _ shipment: inout Shipment) {
    guard let entry else { return }
    guard owner.rate?.take() ?? true else {
      droppedCount += 1
      return
    }
    if droppedCount > 0, let rate = owner.rate {
      let attributes = owner.configuration.lines.attributes + [LogAttribute("container.id", .string(id))]
      shipment.add(rate.notice(droppedCount, of: container.name, attributes), to: stream)
      droppedCount = 0
    }
    shipment.add(entry, to: stream)
  }

  /// - Returns: whether lines were completed.
  private func takeBuffer(_ call: EngineCall, _ shipment: inout Shipment) -> Bool {
    var hasChanged = false
    if status == 200 {
      if owner.rate?.mustWait(self) == true { return false }
      var bytes: [UInt8] = []
      swap(&bytes, &buffer)
      do throws(DockerFailure) {
        try decoder.take(bytes[...]) { if take($0, &shipment) { hasChanged = true } }
      } catch {
        call.cancel()
        owner.desk.log(.warning, "the log of container \(container.name) is read again: \(error)")
        (hasEnded, failure) = (true, error)
      }
      if let timeDoubted {
        call.cancel()
        ask(isFollowing: false, from: timeDoubted)
        return hasChanged
      }
    }
    guard hasEnded else {
      call.resume()
      return hasChanged
    }
    if status != 200 {
      refused(&shipment)
    } else if let failure {
      tryAgain("\(failure)")
    } else if isFollowing {
      // It has stopped, or starts again.
      if attemptCount == 0 {
        attemptCount = 1
        state = .queued
        owner.rests(self)
        owner.wantsToRead(self)
      } else {
        tryAgain(nil)
      }
    } else if container.isRunning, !owner.configuration.follows {
      // A line whose end is not stored yet is read again by the next shipper.
      rest()
    } else if container.isRunning {
      // A line whose end is not stored yet comes again with what is followed.
      ask(isFollowing: true)
    } else {
      decoder.finish { if take($0, &shipment) { hasChanged = true } }
      attemptCount = 0
      rest()
    }
    return hasChanged
  }

  private func take(_ line: EngineLogDecoder.Line, _ shipment: inout Shipment) -> Bool {
    switch line.stream {
    case .output: take(line, &output, &bookmark.output, &shipment)
    case .errors: take(line, &errors, &bookmark.errors, &shipment)
    }
  }

  private func take(
    _ line: EngineLogDecoder.Line, _ lines: inout ContainerLines, _ shipped: inout ShippedLines,
    _ shipment: inout Shipment
  ) -> Bool {
    guard timeDoubted == nil else { return false }
    let known = ShippedLines.Line(
      time: line.time, hash: ShippedLines.hash(line.bytes, byteCount: line.byteCount))
    let isKnown = lines.isKnown(known, isFollowing: isFollowing)
    guard isKnown != true else {
      isJoined = true
      return false
    }
    if isFollowing, isRotated, isKnown == nil || isDoubtful(line) || lines.mayBeKnown(known) {
      timeDoubted = line.time
      return false
    }
    if !isJoined {
      isJoined = true
      shipment.add(DockerStatus.rotation(id, line.time).entry(like: owner.configuration.lines), to: stream)
    }
    attemptCount = 0
    timeLast = max(timeLast, line.time)
    return lines.add(line, known, started: container.started, loop.now, { ship($0, &shipment) }, &shipped)
  }

  /// Whether a line that was followed is better read from what is stored: lines may be missing before it, or it is not
  /// as it was written.
  private func isDoubtful(_ line: EngineLogDecoder.Line) -> Bool {
    !isJoined || line.isCut || line.repeatsPiece || owner.engineNow - line.time > Self.delayNanosecondsMax
  }

  /// The engine has answered with an error.
  private func refused(_ shipment: inout Shipment) {
    let body = buffer
    buffer = []
    let why = JSONText.message(body) ?? "HTTP status \(status)"
    switch status {
    // It is gone, or on its way out: an event or the next list tells.
    case 404, 409: rest()
    default:
      guard status == 501 || why.contains("does not support reading") else {
        owner.desk.log(.warning, "the log of container \(container.name) cannot be read now: \(why)")
        return tryAgain(why)
      }
      if !bookmark.isUnreadable {
        bookmark.isUnreadable = true
        owner.desk.log(
          .warning,
          "the log of container \(container.name) cannot be read: its driver is \(container.driver) (\(why))")
        let notice = DockerStatus(id: id, action: "logs", time: SystemClock.wall(), error: why)
        shipment.add(notice.entry(like: owner.configuration.lines), to: stream)
        store(into: &shipment)
      }
      attemptCount = 0
      rest()
    }
  }

  /// The container is gone and all of its lines are read.
  private func end(into shipment: inout Shipment) {
    output.flush({ ship($0, &shipment) }, &bookmark.output)
    errors.flush({ ship($0, &shipment) }, &bookmark.errors)
    if owner.configuration.completesRemoved { shipment.complete(stream, text: "the container was removed") }
    shipment.set(DockerBookmark.key(id, owner.name), nil)
    deadline?.cancel()
    state = .ended
    owner.ended(self)
  }

  private func setDeadline() {
    deadline?.cancel()
    deadline = nil
    guard let next = [output.deadline, errors.deadline].compactMap({ $0 }).min() else { return }
    deadline = loop.schedule(after: .nanoseconds(Int64(clamping: next.nanoseconds(since: loop.now)))) { [weak self] in
      guard let self else { return }
      owner.desk.turn(self)
    }
  }
}
