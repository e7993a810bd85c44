internal import LogsClient
internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// Ships the logs of an engine's containers and what happens to them. It only ever reads: all requests are GET.
///
/// What the engine is asked, in this order: its time; the events since the last one shipped, as far as it has them; the
/// events from now on; the containers there are. If the events end, all of that is asked again.
package final class DockerSource: Source, ContainerReaderOwner, EventReaderOwner {
  let configuration: DockerSourceConfiguration

  static let containerFilter = "filters=%7B%22type%22%3A%5B%22container%22%5D%7D"
  /// How long after a container's state its event may come.
  private static let eventDelayNanoseconds: Int64 = 200_000_000
  private static let noticeDelay = Duration.seconds(1)
  private static let namesShownMax = 10

  private(set) var rate: SourceRate?
  private var currentDesk: (any ShipDesk)?
  private var events: EventReader?
  private var fetch: EngineFetch?
  private var timer: LoopTimer?
  private var attemptCount = 0
  /// Why the engine cannot be used now.
  private var failure: DockerFailure?
  /// Whether its containers are known.
  private var isListed = false
  private var readers: [String: ContainerReader] = [:]
  private var waiting: [ContainerReader] = []
  private var readingCount = 0
  private var notice: LoopTimer?
  /// Those that were said to be too many.
  private var leftOut: Set<String> = []
  /// From when on events are heard, by the engine's clock.
  private var heardSince: Int64 = 0
  /// How far the engine's clock is ahead.
  private var clockOffset: Int64 = 0
  /// Containers whose bookmarks are forgotten, as long as the desk still has them.
  private var forgotten: Set<String> = []
  /// What was told of containers without an event.
  private var told: [String: DockerStatus] = [:]

  package init(_ configuration: DockerSourceConfiguration) { self.configuration = configuration }

  package var name: String { configuration.name }

  var desk: any ShipDesk {
    guard let currentDesk else { preconditionFailure("a source has a desk once it has begun") }
    return currentDesk
  }

  package func begin(_ desk: any ShipDesk) {
    currentDesk = desk
    rate = configuration.rate.map { SourceRate($0, of: name, desk) }
    events = EventReader(self)
    connect()
  }

  package var isHeldBack: Bool { rate?.isHolding ?? false }
  package var isCatchingUp: Bool {
    failure == nil && (!isListed || readers.values.contains(where: \.isCatchingUp))
  }

  package var problem: String? {
    if let failure { return "the engine cannot be read: \(failure)" }
    let unread = readers.values.filter { $0.problem != nil }.sorted { $0.container.name < $1.container.name }
    guard let first = unread.first, let problem = first.problem else { return nil }
    let more = unread.count > 1 ? ", and so with \(unread.count - 1) more" : ""
    return "the log of container \(first.container.name) cannot be read: \(problem)\(more)"
  }

  package func end() {
    fetch?.cancel()
    timer?.cancel()
    notice?.cancel()
    rate?.end()
    events?.stop()
    for reader in readers.values { reader.stop() }
    waiting = []
  }

  package var lag: SourceLag {
    SourceLag(timeLast: readers.values.map(\.timeLast).max() ?? 0, readerCount: readingCount)
  }

  // MARK: The engine

  var engineNow: Int64 { SystemClock.wall() + clockOffset }

  private func connect() {
    get("/info") { [weak self] body in
      guard let self, let events else { return }
      let wall = SystemClock.wall()
      let now = JSONText.time(body, "SystemTime") ?? wall
      clockOffset = now - wall
      let since = events.since(now)
      guard since < now else { return follow(now) }
      let until = EngineTime.since(now)
      get("/events?since=\(EngineTime.since(since))&until=\(until)&\(Self.containerFilter)") { [weak self] body in
        self?.events?.take(body)
        self?.follow(now)
      }
    }
  }

  private func follow(_ now: Int64) {
    heardSince = now
    events?.follow(configuration.address, since: now)
    get("/containers/json?all=1") { [weak self] body in self?.listed(body) }
  }

  private func get(_ target: String, then body: @escaping ([UInt8]) -> Void) {
    fetch = EngineFetch(target, from: configuration.address, on: desk.loop) { [weak self] result in
      guard let self else { return }
      switch result {
      case .success(let answer) where answer.status == 200: body(answer.body)
      case .success(let answer):
        lost(DockerFailure(JSONText.message(answer.body) ?? "it answers with status \(answer.status)"))
      case .failure(let failure): lost(failure)
      }
    }
  }

  /// The engine cannot be used now.
  private func lost(_ failure: DockerFailure?) {
    fetch?.cancel()
    events?.stop()
    isListed = false
    if self.failure == nil, let failure {
      self.failure = failure
      desk.log(.warning, "the engine of \(name) cannot be read, and is tried again: \(failure)")
    }
    timer?.cancel()
    let delay = ContainerReader.backoff.delay(attempt: attemptCount, retryAfter: nil) { .random(in: 0...$0) }
    attemptCount += 1
    timer = desk.loop.schedule(after: delay) { [weak self] in self?.connect() }
  }

  func eventsEnded(_ failure: DockerFailure?) { lost(failure ?? DockerFailure("it has ended its events")) }

  private func listed(_ body: [UInt8]) {
    guard let list = JSONText.list(body) else { return lost(DockerFailure("its list of containers is none")) }
    attemptCount = 0
    if failure != nil { desk.log(.info, "the engine of \(name) is read again") }
    failure = nil
    isListed = true
    var present: Set<String> = []
    for container in list.compactMap(DockerContainer.init(listed:)) {
      present.insert(container.id)
      if let reader = readers[container.id] {
        reader.wake()
      } else if container.isSelected(by: configuration) {
        add(container).wake()
      }
    }
    for reader in readers.values.sorted(by: { $0.id < $1.id }) where !present.contains(reader.id) { reader.remove() }
    forgetRemoved(present)
  }

  /// Containers that were removed while nobody looked.
  private func forgetRemoved(_ present: Set<String>) {
    let prefix = DockerBookmark.keyPrefix(name)
    forgotten = forgotten.filter { desk.bookmark(DockerBookmark.key($0, name)) != nil }
    for key in desk.bookmarkKeys(prefix) {
      let id = String(key.dropFirst(prefix.count))
      // With a space it belongs to a section whose name has more words.
      guard !id.contains(" "), !present.contains(id), !forgotten.contains(id), readers[id] == nil,
        desk.bookmark(key) != nil
      else { continue }
      add(DockerContainer(id: id, name: id, image: "")).remove()
    }
  }

  // MARK: Containers

  @discardableResult
  private func add(_ container: DockerContainer) -> ContainerReader {
    let stored = desk.bookmark(DockerBookmark.key(container.id, name)).flatMap { DockerBookmark($0) }
    // Its lines stay together, whatever it is called meanwhile.
    let kept = stored.flatMap { StreamTemplate.valid($0.stream) }
    let reader = ContainerReader(container, kept ?? configuration.stream.stream { container.word($0) }, stored, self)
    readers[container.id] = reader
    return reader
  }

  func introduction(of container: DockerContainer) -> LogEntry? {
    var status: DockerStatus
    if container.isRunning {
      status = DockerStatus(id: container.id, action: "start", time: container.started)
      status.status = "Up"
    } else {
      status = .death(container.id, container.finished, container.exitCode)
    }
    // Of what happens later there is an event.
    guard status.time > 0, status.time < heardSince else { return nil }
    told[container.id] = status
    return status.entry(like: configuration.lines, about: container)
  }

  func wantsToRead(_ reader: ContainerReader) {
    waiting.append(reader)
    admit()
  }

  func rests(_ reader: ContainerReader) {
    readingCount -= 1
    admit()
  }

  func ended(_ reader: ContainerReader) {
    readers[reader.id] = nil
    leftOut.remove(reader.id)
    told[reader.id] = nil
    forgotten.insert(reader.id)
    desk.forget(reader)
  }

  private func admit() {
    while readingCount < configuration.containerCountMax, !waiting.isEmpty {
      readingCount += 1
      let reader = waiting.removeFirst()
      leftOut.remove(reader.id)
      reader.begin()
    }
    guard !waiting.isEmpty, notice == nil else { return }
    notice = desk.loop.schedule(after: Self.noticeDelay) { [weak self] in self?.noteLeftOut() }
  }

  private func noteLeftOut() {
    notice = nil
    let new = waiting.filter { !leftOut.contains($0.id) }
    guard !new.isEmpty else { return }
    for reader in new { leftOut.insert(reader.id) }
    let names = new.prefix(Self.namesShownMax).map(\.container.name).joined(separator: ", ")
    let more = new.count > Self.namesShownMax ? " and \(new.count - Self.namesShownMax) more" : ""
    desk.log(
      .warning,
      """
      \(configuration.containerCountMax) containers of \(name) are read, which is the most that may be; these wait: \
      \(names)\(more)
      """)
  }

  // MARK: Events

  func happened(_ event: DockerEvent, into shipment: inout Shipment) {
    let id = event.container.id
    if readers[id] == nil {
      let isKnown = desk.bookmark(DockerBookmark.key(id, name)) != nil
      guard isKnown || event.container.isSelected(by: configuration) else { return }
      add(event.container)
    }
    guard let reader = readers[id] else { return }
    // An introduction that is not on its way yet is not needed any more.
    if !reader.isStored { told[id] = nil }
    if let status = event.status, !isTold(event) {
      shipment.add(
        status.entry(like: configuration.lines, about: reader.isStored ? nil : event.container), to: reader.stream)
      reader.noteStatus(into: &shipment)
    }
    if event.begins { reader.wake() }
    if event.destroys { reader.remove() }
  }

  private func isTold(_ event: DockerEvent) -> Bool {
    guard let status = told[event.container.id], status.action == event.status?.action,
      abs(event.time - status.time) < Self.eventDelayNanoseconds
    else { return false }
    told[event.container.id] = nil
    return true
  }
}
