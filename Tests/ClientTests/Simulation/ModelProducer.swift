import LogsWire

@testable import LogsClient
@testable import LogsSimulation

/// An application that hands over batches for one stream, and its record of them.
///
/// With a spool each batch is on its disk with its number until its answer is there as well, and only the first
/// `Limits.producerBatchCountMax` of them are with the client (`spec/session.md`, section 4.2). Without one they are
/// lost with the process, and the next process has another identity.
final class ModelProducer {
  private struct Row {
    let number: UInt64
    let content: AppendLane.Content
    let handed: Checker.Handed
  }

  private let simulation: Simulation
  private let checker: Checker
  private let stream: StreamName
  /// The identity whose numbers the spool holds; nil without one.
  private let spooled: ProducerID?
  /// How long an answer may take to reach the disk.
  private let noteMilliseconds: Int
  /// Whether it ignores the window: a planted fault.
  var ignoresWindow = false

  // On the spool's disk.
  private var rows: [Row] = []
  private var numberLast: UInt64 = 0

  // Of the process.
  private weak var client: VirtualClient?
  private var lifeCount = 0
  private var releasedNumber: UInt64 = 0
  private var unanswered: [Checker.Handed] = []

  init(
    _ simulation: Simulation, _ checker: Checker, stream: StreamName, spooled: ProducerID?, noteMilliseconds: Int
  ) {
    self.simulation = simulation
    self.checker = checker
    self.stream = stream
    self.spooled = spooled
    self.noteMilliseconds = noteMilliseconds
  }

  var isDone: Bool { rows.isEmpty && unanswered.allSatisfy(\.isAnswered) }

  /// A process begins.
  func begin(on client: VirtualClient) {
    self.client = client
    lifeCount += 1
    releasedNumber = 0
    for row in rows { row.handed.lifeCount += 1 }
    release()
  }

  /// The process ends.
  func stop() {
    client = nil
    for handed in unanswered where !handed.isAnswered { checker.forget(handed) }
    unanswered = []
  }

  /// - Parameter completion: the text with which the stream is sealed; `batch` is the server's batch for it.
  func handOver(_ batch: Batch, completion: String? = nil) {
    guard let client else { return }
    let content =
      completion.map { AppendLane.Content.completion(text: $0) }
      ?? .batch(batch.bytes, entryCount: Int(batch.header.count))
    let key = AppendQueue.Key(producer: spooled ?? client.producer, stream: stream)
    let handed = checker.handOver(batch, to: key)
    if spooled != nil {
      numberLast += 1
      rows.append(Row(number: numberLast, content: content, handed: handed))
      client.run { self.release() }
    } else {
      unanswered.append(handed)
      client.run { client.append(content, to: self.stream, answer: self.answer(to: handed) {}) }
    }
  }

  /// Hands the client the batches that it may send.
  private func release() {
    guard let client, let producer = spooled, let first = rows.first?.number else { return }
    let window = ignoresWindow ? UInt64.max / 2 : UInt64(Limits.producerBatchCountMax)
    var batches: [NumberedBatch] = []
    for row in rows where row.number > releasedNumber && row.number < first + window {
      releasedNumber = row.number
      let answer = answer(to: row.handed) { [unowned self] in note(row.number) }
      let key = AppendQueue.Key(producer: producer, stream: stream)
      batches.append(NumberedBatch(key: key, number: row.number, content: row.content, answer: answer, cost: 0))
    }
    client.append(batches)
  }

  /// The answer reaches the disk a little later, unless the process ends first.
  private func note(_ number: UInt64) {
    let life = lifeCount
    simulation.after(0...noteMilliseconds) { [unowned self] in
      guard life == lifeCount, client != nil else { return }
      rows.removeAll { $0.number == number }
      client?.run { self.release() }
    }
  }

  private func answer(to handed: Checker.Handed, then: @escaping () -> Void) -> ModelAnswer {
    ModelAnswer(
      acknowledge: { [checker] incarnation, range, isDuplicate in
        checker.acknowledged(handed, incarnation, range, isDuplicate: isDuplicate)
        then()
      },
      fail: { [checker] error in
        checker.failed(handed, error)
        then()
      })
  }
}

/// Invariant behind `@unchecked Sendable`: a simulation has one thread.
private final class ModelAnswer: AppendAnswer, @unchecked Sendable {
  private let acknowledge: (Incarnation, ClosedRange<UInt64>, Bool) -> Void
  private let fail: (LogError) -> Void

  init(
    acknowledge: @escaping (Incarnation, ClosedRange<UInt64>, Bool) -> Void, fail: @escaping (LogError) -> Void
  ) {
    self.acknowledge = acknowledge
    self.fail = fail
  }

  func acknowledged(_ incarnation: Incarnation, _ range: ClosedRange<UInt64>, isDuplicate: Bool) {
    acknowledge(incarnation, range, isDuplicate)
  }

  func refused(_ error: LogError) { fail(error) }

  func failed(_ error: LogError) { fail(error) }
}
