import LogsWire
import Synchronization
import Testing

@testable import LogsClient

/// Streams that wait until the server no longer refuses them.
@Suite struct HeldStreamsTests {
  @Test func `a stream is reported once, and goes on when it is accepted or its batches have failed`() throws {
    let events = Mutex<[String]>([])
    let note: @Sendable (ProducerEvent) -> Void = { event in
      switch event {
      case .heldBack(let stream, _): events.withLock { $0.append("\(stream) held") }
      case .released(let stream): events.withLock { $0.append("\(stream) released") }
      default: events.withLock { $0.append("\(event)") }
      }
    }
    let (web, db) = (StreamName("web"), StreamName("db"))
    var held = HeldStreams()
    #expect(held.isProbe(web))
    for stream in [web, web, db] { _ = held.hold(stream, nil, .closed, telling: note) }
    #expect(held.contains(web) && held.contains(db))
    held.permit(web, telling: note)
    held.permit(web, telling: note)
    #expect(!held.contains(web) && !held.isProbe(web))
    // It is handed over again, as a probe, and is reported when it is accepted.
    held.forget(db)
    #expect(!held.contains(db) && held.isProbe(db))
    _ = held.hold(db, nil, .closed, telling: note)
    #expect(held.contains(db))
    // What was refused may concern all.
    #expect(held.isProbe(web))
    held.permit(db, telling: note)
    // What is refused for good is not released.
    _ = held.hold(web, nil, .closed, telling: note)
    held.end(web)
    held.permit(web, telling: note)
    #expect(events.withLock { $0 } == ["web held", "db held", "web released", "db released", "web held"])
  }

  // MARK: In the queue

  /// An answer that waits for rights.
  private final class Waiting: AppendAnswer {
    let waitsForPermission = true
    func acknowledged(_ incarnation: Incarnation, _ range: ClosedRange<UInt64>, isDuplicate: Bool) {}
    func refused(_ error: LogError) {}
    func failed(_ error: LogError) {}
  }

  private let start = MonotonicTime(nanoseconds: 1_000_000_000)
  private let forbidden = Refusal(.forbidden, "a test")

  /// A queue with three batches of one stream.
  private func queue() -> AppendQueue {
    var queue = AppendQueue()
    let key = AppendQueue.Key(producer: ProducerID(high: 1, low: 1), stream: web)
    for number: UInt64 in 1...3 {
      queue.append(
        NumberedBatch(
          key: key, number: number, content: .batch("x", entryCount: 1), answer: Waiting(), cost: 0))
    }
    return queue
  }

  /// Sends what may be sent; ids count from `id`.
  private func sendAll(_ queue: inout AppendQueue, from id: UInt32) -> [UInt64] {
    var numbers: [UInt64] = []
    queue.send(inFlightCountMax: 32) { next in
      numbers.append(next.number)
      return id + UInt32(numbers.count - 1)
    }
    return numbers
  }

  /// Refuses what is in flight, and finds when it is sent again.
  private func refuse(
    _ queue: inout AppendQueue, _ ids: ClosedRange<UInt32>, _ refusal: Refusal, at time: MonotonicTime
  ) -> Duration? {
    for id in ids { _ = queue.refused(id, refusal, now: time) { _, least in least ?? .zero } }
    return queue.resume(now: time).map { .nanoseconds(Int64($0.nanoseconds(since: time))) }
  }

  @Test func `what is held back waits a second and then twice as long each time, whatever was refused before`() {
    var queue = queue()
    var time = start
    // Refusals for now say nothing of how long it waits for a right.
    for round in 0..<8 {
      #expect(sendAll(&queue, from: 1) == [1, 2, 3], "round \(round)")
      _ = refuse(&queue, 1...3, Refusal(.overloaded, "a test", isRetryable: true), at: time)
    }
    #expect(sendAll(&queue, from: 1) == [1, 2, 3])
    #expect(queue.hasPostponed)
    // All that was in flight is one try.
    #expect(refuse(&queue, 1...3, forbidden, at: time) == .seconds(1))
    #expect(!queue.hasPostponed)
    for seconds: Int64 in [2, 4, 8, 16, 32, 60, 60] {
      time = time + .seconds(60)
      _ = queue.resume(now: time)
      // The first one alone: those behind it would be refused as well.
      #expect(sendAll(&queue, from: 1) == [1])
      #expect(refuse(&queue, 1...1, forbidden, at: time) == .seconds(seconds))
    }
    time = time + .seconds(60)
    _ = queue.resume(now: time)
    #expect(sendAll(&queue, from: 1) == [1])
    _ = queue.acknowledge(1)
    #expect(sendAll(&queue, from: 2) == [2, 3])
    #expect(refuse(&queue, 2...3, forbidden, at: time) == .seconds(1))
  }

  // MARK: In the producer

  @Test func `a stream whose batch an earlier process had answered is released, and one that is sealed is not`() throws
  {
    let events = Mutex<[String]>([])
    var windows = SendWindows(handedByteCountMax: 1, waitsForPermission: true) { event in
      switch event {
      case .heldBack(let stream, _): events.withLock { $0.append("\(stream) held") }
      case .released(let stream): events.withLock { $0.append("\(stream) released") }
      default: events.withLock { $0.append("\(event)") }
      }
    }
    let db = StreamName("db")
    let answers = AnswerBox(wake: ProducerWake())
    func hand(_ stream: StreamName, _ id: Int64) -> HandedBatch? {
      windows.serve(CollectionOfOne(stream))
      guard let next = windows.nextStream() else { return nil }
      let key = AppendQueue.Key(producer: ProducerID(high: 1, low: 1), stream: next)
      let batch = BacklogBatch(id: id, key: key, number: 1, content: .batch("x", entryCount: 1), entryCount: 1)
      let batches = windows.hand(next) {
        $0 < id ? [batch] : []
      } handed: { batch in
        HandedBatch(batch, shares: [], answers: answers, waitsForPermission: true)
      }
      return batches.first?.answer as? HandedBatch
    }
    let error = LogError(Refusal(.forbidden, "a test"))
    let first = try #require(hand(web, 1))
    #expect(windows.isBusy)
    _ = windows.take(BatchAnswer(batch: first, outcome: .heldBack(error)), isOwn: false)
    #expect(windows.isHeld(web) && !windows.isBusy)
    let second = try #require(hand(db, 2))
    _ = windows.take(BatchAnswer(batch: second, outcome: .heldBack(error)), isOwn: true)
    let passed = LogError(Refusal(.outOfOrder, "a test", expected: 9))
    guard case .acknowledged = windows.take(BatchAnswer(batch: first, outcome: .refused(passed)), isOwn: false) else {
      Issue.record("what an earlier process had answered counts as refused")
      return
    }
    let sealed = LogError(Refusal(.streamSealed, "a test"))
    guard case .refused = windows.take(BatchAnswer(batch: second, outcome: .refused(sealed)), isOwn: true) else {
      Issue.record("what is refused for good counts as something else")
      return
    }
    #expect(!windows.isHeld(web) && !windows.isHeld(db) && windows.answered == [1, 2])
    #expect(events.withLock { $0 } == ["web held", "db held", "web released"])
  }
}
