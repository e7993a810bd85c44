import LogsWire
import Synchronization
import Testing

@testable import LogsClient

@Suite(.endsHangs) struct EventBufferTests {
  private func buffer() -> EventBuffer { EventBuffer(reportByteCountMin: 100) { _ in } }

  private func skip(_ range: ClosedRange<UInt64>, of stream: StreamName = web) -> FollowEvent {
    .skipped(SkippedRange(stream: stream, incarnation: Incarnation(1), range: range, reason: .filtered))
  }

  private func all(_ buffer: EventBuffer) async throws -> [FollowEvent] {
    var events: [FollowEvent] = []
    while let event = try await buffer.next() { events.append(event) }
    return events
  }

  @Test func `skipped ranges not taken yet are joined, in both directions`() async throws {
    let buffer = buffer()
    for sequence in UInt64(1)...1000 { buffer.append(skip(sequence...sequence)) }
    for sequence in (UInt64(1)...1000).reversed() {
      buffer.append(skip(sequence...sequence, of: StreamName(checked: "db")))
    }
    buffer.append(skip(2000...2001))
    buffer.append(.ended(.until))
    buffer.finish()
    var ranges: [ClosedRange<UInt64>] = []
    for event in try await all(buffer) { if case .skipped(let skip) = event { ranges.append(skip.range) } }
    #expect(ranges == [1...1000, 1...1000, 2000...2001])
  }

  @Test func `interleaved skipped ranges of many streams are joined for each stream`() async throws {
    let buffer = buffer()
    let streams = (0..<50).map { StreamName(checked: "s\($0)") }
    for stream in streams { buffer.append(skip(1...1, of: stream)) }
    // Some have been taken when the rest comes.
    for _ in 0..<10 { _ = try await buffer.next() }
    for sequence in UInt64(2)...200 {
      for stream in streams { buffer.append(skip(sequence...sequence, of: stream)) }
      buffer.append(.interrupted(.closed))
      buffer.append(.resumed(at: LogCursor()))
      buffer.append(.live)
    }
    buffer.finish()
    var ranges: [StreamName: [ClosedRange<UInt64>]] = [:]
    let events = try await all(buffer)
    for event in events { if case .skipped(let skip) = event { ranges[skip.stream, default: []].append(skip.range) } }
    #expect(events.count == 50 + 3)
    for (index, stream) in streams.enumerated() { #expect(ranges[stream] == [index < 10 ? 2...200 : 1...200]) }
  }

  @Test func `a reader with a deadline gets what there is, and learns when there is nothing by then`() async throws {
    let buffer = buffer()
    for wait in [Duration.zero, .milliseconds(1), .milliseconds(3)] {
      guard case .nothing = try await buffer.next(before: .now + wait) else { throw TestFailure("there is an event") }
    }
    buffer.append(skip(1...1))
    guard case .event = try await buffer.next(before: .now) else { throw TestFailure("there is no event") }
    let waiting = Task { try await buffer.next(before: .now + .seconds(3600)) }
    buffer.append(skip(2...2))
    guard case .event = try await waiting.value else { throw TestFailure("there is no event") }
    let cancelled = Task { try await buffer.next(before: .now + .seconds(3600)) }
    cancelled.cancel()
    guard case .over = try await cancelled.value else { throw TestFailure("there is an event") }
  }

  @Test func `interruptions do not pile up for a reader that has stopped`() async throws {
    let buffer = buffer()
    for _ in 0..<1000 {
      buffer.append(.interrupted(.closed))
      buffer.append(.resumed(at: LogCursor()))
      buffer.append(.live)
    }
    buffer.finish()
    let events = try await all(buffer)
    #expect(events.count == 3)
    guard case .interrupted = events[0], case .resumed = events[1], case .live = events[2] else {
      Issue.record("\(events)")
      return
    }
  }

  @Test func `a failure comes once, after delivered events`() async throws {
    let buffer = buffer()
    buffer.append(.live)
    buffer.finish(throwing: .closed)
    buffer.append(.live)
    #expect(try await buffer.next() != nil)
    await #expect(throws: LogError.self) { try await buffer.next() }
    #expect(try await buffer.next() == nil)
  }

  @Test func `a task that is cancelled before it waits does not wait`() async throws {
    let buffer = buffer()
    buffer.append(.live)
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return try await buffer.next() == nil
    }
    #expect(try await task.value)
    // The loop is notified, and what it adds before it knows is dropped.
    #expect(buffer.abandon())
    buffer.append(.live)
    buffer.finish()
    #expect(!buffer.abandon())
  }
}

@Suite(.endsHangs) struct SendBudgetTests {
  @Test func `waiting senders are admitted in order, and what is too large goes alone`() async throws {
    let budget = SendBudget(byteCountMax: 10)
    try await budget.take(6)
    let order = Shared<[Int]>([])
    let steps = Steps()
    try await withThrowingTaskGroup { group in
      for (index, byteCount) in [8, 9, 50, 7].enumerated() {
        group.addTask(executorPreference: steps) {
          try await budget.take(byteCount)
          order.change { $0.append(index) }
          budget.release(byteCount)
        }
        // The next one arrives while this one waits.
        steps.run()
        #expect(budget.waitingCount == index + 1)
      }
      #expect(order.value.isEmpty)
      budget.release(6)
      steps.run()
      try await group.waitForAll()
    }
    #expect(order.value == [0, 1, 2, 3])
  }

  @Test func `a waiting sender that is cancelled makes room for the others`() async throws {
    let budget = SendBudget(byteCountMax: 10)
    try await budget.take(6)
    let steps = Steps()
    let large = Task(executorPreference: steps) { try await budget.take(10) }
    steps.run()
    let small = Task(executorPreference: steps) { try await budget.take(2) }
    steps.run()
    #expect(budget.waitingCount == 2)
    large.cancel()
    steps.run()
    let error = await #expect(throws: LogError.self) { try await large.value }
    #expect(error?.code == .cancelled)
    try await small.value
  }

  @Test func `closing fails all waiting and all later senders`() async throws {
    let budget = SendBudget(byteCountMax: 10)
    try await budget.take(10)
    let steps = Steps()
    let waiting = Task(executorPreference: steps) { try await budget.take(1) }
    steps.run()
    #expect(budget.waitingCount == 1)
    budget.close(.closed)
    steps.run()
    await #expect(throws: LogError.self) { try await waiting.value }
    await #expect(throws: LogError.self) { try await budget.take(1) }
  }

  /// Runs its tasks as far as they get, one `run` at a time.
  private final class Steps: TaskExecutor {
    private let jobs = Mutex<[UnownedJob]>([])

    func enqueue(_ job: consuming ExecutorJob) {
      let job = UnownedJob(job)
      jobs.withLock { $0.append(job) }
    }

    func run() {
      while let job = jobs.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) {
        job.runSynchronously(on: asUnownedTaskExecutor())
      }
    }
  }
}
