import LogsWire

@testable import LogsClient
@testable import LogsSimulation

/// An application that hands over batches, and its record of them.
///
/// With a spool each batch is on its disk with its number until its answer is there as well, and `SendWindows` decides,
/// as in a `ProducerCore`, what of them is with the client. Without one they are lost with the process, and the next
/// process has another identity.
///
/// Invariant behind `@unchecked Sendable`: a simulation has one thread.
final class ModelProducer: @unchecked Sendable {
  private struct Row {
    let batch: BacklogBatch
    let handed: Checker.Handed
  }

  private let simulation: Simulation
  private let checker: Checker
  private let streams: [StreamName]
  /// The identity whose numbers the spool holds; nil without one.
  let spooled: ProducerID?
  let waitsForPermission: Bool
  /// How long an answer may take to reach the disk.
  private let noteMilliseconds: Int

  // Planted faults.
  /// Whether more is handed over than a mark remembers.
  var ignoresWindow = false
  /// Whether nothing is handed over while a stream is held back.
  var waitsForHeld = false

  // On the spool's disk.
  private var rows: [Row] = []
  private var idLast: Int64 = 0
  private var numbersLast: [StreamName: UInt64] = [:]

  // Of the process.
  private weak var client: VirtualClient?
  private var lifeCount = 0
  private var sending = SendWindows(handedByteCountMax: .max, waitsForPermission: false, onEvent: nil)
  private var answers = AnswerBox(wake: ProducerWake())
  private var idFirst: Int64 = 1
  /// The streams of which an operator knows that they are held back.
  private var reported: Set<StreamName> = []
  private var unanswered: [Checker.Handed] = []

  init(
    _ simulation: Simulation, _ checker: Checker, streams: [StreamName], spooled: ProducerID?,
    waitsForPermission: Bool, noteMilliseconds: Int
  ) {
    self.simulation = simulation
    self.checker = checker
    self.streams = streams
    self.spooled = spooled
    self.waitsForPermission = waitsForPermission
    self.noteMilliseconds = noteMilliseconds
  }

  var isDone: Bool { isDone(exceptFor: [:]) }

  /// - Parameter withheld: what is still there of these streams does not matter.
  func isDone(exceptFor withheld: [StreamName: Set<ProducerID>]) -> Bool {
    unanswered.allSatisfy(\.isAnswered)
      && rows.allSatisfy { withheld[$0.batch.key.stream]?.contains($0.batch.key.producer) == true }
  }

  /// A process begins.
  func begin(on client: VirtualClient) {
    self.client = client
    lifeCount += 1
    for row in rows { row.handed.lifeCount += 1 }
    // One batch may be as much as the client is to have at once.
    let handedByteCountMax = waitsForPermission && checker.server.rightsDice.chance(2) ? 1 : Int.max
    sending = SendWindows(
      handedByteCountMax: handedByteCountMax, waitsForPermission: waitsForPermission
    ) { [unowned self] in note($0) }
    idFirst = idLast + 1
    reported = []
    let wake = ProducerWake()
    answers = AnswerBox(wake: wake)
    wake.bind { [unowned self] in takeAnswers() }
    sending.serve(streams)
    release()
  }

  /// The process ends.
  func stop() {
    client = nil
    answers.close()
    for handed in unanswered where !handed.isAnswered { checker.forget(handed) }
    unanswered = []
  }

  /// - Parameter completion: the text with which the stream is sealed; `batch` is the server's batch for it.
  func handOver(_ batch: Batch, completion: String? = nil) {
    guard let client else { return }
    let content =
      completion.map { AppendLane.Content.completion(text: $0) }
      ?? .batch(batch.bytes, entryCount: Int(batch.header.count))
    let stream =
      streams.count == 1 ? streams[0] : streams[Int.random(in: 0..<streams.count, using: &checker.server.rightsDice)]
    let key = AppendQueue.Key(producer: spooled ?? client.producer, stream: stream)
    let handed = checker.handOver(batch, to: key, waitsForPermission: waitsForPermission)
    if spooled != nil {
      idLast += 1
      numbersLast[stream, default: 0] += 1
      let row = BacklogBatch(
        id: idLast, key: key, number: numbersLast[stream] ?? 0, content: content, entryCount: Int(batch.header.count))
      rows.append(Row(batch: row, handed: handed))
      sending.serve(CollectionOfOne(stream))
      client.run { self.release() }
    } else {
      unanswered.append(handed)
      client.run { client.append(content, to: stream, answer: ModelAnswer(self.checker, handed)) }
    }
  }

  /// Hands the client the batches that it may send.
  private func release() {
    guard let client, spooled != nil else { return }
    if waitsForHeld, streams.contains(where: { sending.isHeld($0) }) { return }
    var batches: [NumberedBatch] = []
    while let stream = sending.nextStream() {
      batches += sending.hand(stream) {
        window(of: stream, after: $0)
      } handed: { batch in
        HandedBatch(batch, shares: [], answers: answers, waitsForPermission: waitsForPermission)
      }
    }
    client.append(batches.map { watched($0) })
  }

  /// As a backlog's.
  private func window(of stream: StreamName, after id: Int64) -> [BacklogBatch] {
    let batches = rows.map(\.batch).filter { $0.key.stream == stream }
    let count = ignoresWindow ? UInt64.max / 2 : UInt64(Limits.producerBatchCountMax)
    let end = (batches.first?.number ?? 0) + count
    return batches.filter { $0.id > id && $0.number < end }
  }

  /// The checks hear of its answer, too.
  private func watched(_ batch: NumberedBatch) -> NumberedBatch {
    guard let row = rows.first(where: { $0.batch.key == batch.key && $0.batch.number == batch.number }) else {
      return batch
    }
    return NumberedBatch(
      key: batch.key, number: batch.number, content: batch.content,
      answer: ModelAnswer(checker, row.handed, next: batch.answer), cost: batch.cost)
  }

  private func takeAnswers() {
    var isAnyHeld = false
    for answer in answers.take() {
      switch sending.take(answer, isOwn: answer.batch.id >= idFirst) {
      case .acknowledged: note(answer.batch.id)
      case .refused:
        reported.remove(answer.batch.stream)
        note(answer.batch.id)
      case .heldBack: isAnyHeld = true
      case .failed(let error): checker.violate(.nobodyWaitsForEver, "a client has given up: \(error)")
      }
    }
    // What is held back counts no longer: others may go.
    if isAnyHeld { client?.later(.milliseconds(1)) { [unowned self] in release() } }
  }

  /// The answer reaches the disk a little later, unless the process ends first.
  private func note(_ id: Int64) {
    let life = lifeCount
    simulation.after(0...noteMilliseconds) { [unowned self] in
      guard life == lifeCount, client != nil else { return }
      rows.removeAll { $0.batch.id == id }
      sending.removed(id)
      client?.run { self.release() }
    }
  }

  private func note(_ event: ProducerEvent) {
    switch event {
    case .heldBack(let stream, _):
      reported.insert(stream)
      checker.tally.heldCount += 1
    case .released(let stream):
      if reported.remove(stream) == nil { checker.violate(.nobodyWaitsForEver, "\(stream) is released twice") }
      checker.tally.releasedCount += 1
    case .dropped, .refused, .failed, .spoolFailed, .spoolDamaged: break
    }
  }

  /// At the end nobody believes that a stream waits.
  func checkReports() {
    guard isDone else { return }
    for stream in reported.sorted() {
      checker.violate(.nobodyWaitsForEver, "\(stream) is done, and was never said to be released")
    }
  }

}

/// Invariant behind `@unchecked Sendable`: a simulation has one thread.
private final class ModelAnswer: AppendAnswer, @unchecked Sendable {
  private let checker: Checker
  private let handed: Checker.Handed
  /// Hears of it as well.
  private let next: (any AppendAnswer)?

  init(_ checker: Checker, _ handed: Checker.Handed, next: (any AppendAnswer)? = nil) {
    self.checker = checker
    self.handed = handed
    self.next = next
  }

  var waitsForPermission: Bool { handed.waitsForPermission }

  func heldBack(_ error: LogError) { next?.heldBack(error) }

  func acknowledged(_ incarnation: Incarnation, _ range: ClosedRange<UInt64>, isDuplicate: Bool) {
    checker.acknowledged(handed, incarnation, range, isDuplicate: isDuplicate)
    next?.acknowledged(incarnation, range, isDuplicate: isDuplicate)
  }

  func refused(_ error: LogError) {
    checker.failed(handed, error)
    next?.refused(error)
  }

  func failed(_ error: LogError) {
    checker.failed(handed, error)
    next?.failed(error)
  }
}
