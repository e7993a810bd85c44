import FaultMessages
import Foundation
import LogsSystem
import LogsWire

/// Two producers and two followers on a stream of their own while others do their worst: what is stored and delivered
/// is checked entry by entry, and acknowledgements are timed.
///
/// Invariant behind `@unchecked Sendable`: shared state is touched only under `condition`.
final class Bystanders: @unchecked Sendable {
  private struct Acknowledgement {
    let producer: Int
    let sent: ContinuousClock.Instant
    let received: ContinuousClock.Instant
  }

  static let stream = "beside"
  private static let producerCount = 2
  private static let followerCount = 2

  private let server: TestServer
  private let clock = ContinuousClock()
  private let condition = NSCondition()
  private var producers: [RawClient] = []
  private var reports: [[FaultReport]] = Array(repeating: [], count: producerCount)
  private var acknowledgements: [Acknowledgement] = []
  private var reads: [[DeliveryChecker.Read]] = Array(repeating: [], count: followerCount)
  private var failures: [String] = []
  private var isStopping = false
  /// Followers end after this number.
  private var lastSequence: UInt64?
  private var runningCount = 0

  init(_ server: TestServer) throws {
    self.server = server
    for _ in 0..<Self.producerCount {
      let client = try RawClient(server.url)
      try client.handshake()
      producers.append(client)
    }
    for index in 0..<Self.followerCount {
      let client = try RawClient(server.url)
      try client.handshake()
      try client.follow(Self.stream)
      start { try $0.follow(index, client) }
    }
    for (index, client) in producers.enumerated() { start { try $0.produce(index, client) } }
  }

  private func start(_ body: @escaping @Sendable (Bystanders) throws -> Void) {
    condition.withLock { runningCount += 1 }
    Threads.start { [self] in
      let failure: String?
      do {
        try body(self)
        failure = nil
      } catch { failure = "\(error)" }
      condition.withLock {
        if let failure { failures.append(failure) }
        runningCount -= 1
        condition.broadcast()
      }
    }
  }

  // MARK: What they do

  private func produce(_ index: Int, _ client: RawClient) throws {
    let producer = ProducerID.random()
    var number: UInt64 = 0
    var last = 0
    while !condition.withLock({ isStopping }) {
      number += 1
      let numbers = last + 1...last + 1 + Int(number % 3)
      last = numbers.upperBound
      try append(numbers, of: index, producer, number, client)
      // A steady load, not the largest: otherwise the server would have little time left for the attack.
      usleep(500)
    }
  }

  private func append(
    _ numbers: ClosedRange<Int>, of index: Int, _ producer: ProducerID, _ number: UInt64, _ client: RawClient
  ) throws {
    condition.withLock { reports[index].append(.handing(numbers)) }
    let texts = numbers.map { FaultEntry(producer: index + 1, number: $0).text }
    let append = try RawClient.append(texts, to: Self.stream, producer: producer, number: number)
    let sent = clock.now
    try client.send(append, id: UInt32(truncatingIfNeeded: number) | 1 << 31)
    guard case .ack(let ack) = try client.receive().message else { throw Failure("no ACK for a bystander") }
    let received = clock.now
    condition.withLock {
      reports[index].append(
        .acknowledged(numbers, under: [ack.firstSequence...ack.firstSequence + ack.count - 1]))
      acknowledgements.append(Acknowledgement(producer: index, sent: sent, received: received))
      condition.broadcast()
    }
  }

  private func follow(_ index: Int, _ client: RawClient) throws {
    var decoder = BatchDecoder()
    var last: UInt64 = 0
    var pinged = clock.now
    while condition.withLock({ lastSequence.map { last < $0 } ?? true }) {
      switch try client.receive().message {
      case .batch(let range, let batches):
        var entries: [DeliveryChecker.Read] = []
        for batch in try Batch.run(batches) {
          for (offset, entry) in try decoder.entries(of: batch).enumerated() {
            let sequence = batch.header.firstSequence + UInt64(offset)
            if sequence < range.from || sequence > range.to { continue }
            entries.append(DeliveryChecker.Read(sequence: sequence, text: entry.message.text))
          }
        }
        last = range.to
        condition.withLock { reads[index] += entries }
        // A client that only receives would be taken for dead.
        if clock.now - pinged > .seconds(2) {
          try client.send(.ping(0))
          pinged = clock.now
        }
      case .stream, .resolved, .live, .heads, .pong: continue
      case let other: throw Failure("\(other.type) for a bystander")
      }
    }
  }

  // MARK: What is seen of it

  /// Waits until each producer has that many more acknowledgements for what it sends from now on.
  func wait(forAcknowledgements count: Int) throws {
    let begun = clock.now
    let deadline = Date(timeIntervalSinceNow: Environment.patience / .seconds(1))
    condition.lock()
    defer { condition.unlock() }
    func isDone() -> Bool {
      (0..<Self.producerCount).allSatisfy { producer in
        acknowledgements.reversed().prefix { $0.received > begun }.count {
          $0.producer == producer && $0.sent > begun
        } >= count
      }
    }
    while !isDone() {
      guard failures.isEmpty, condition.wait(until: deadline) else { throw Failure("no acknowledgements: \(failures)") }
    }
  }

  /// Prints how long acknowledgements took, of those awaited during `body` or just after it.
  func watch(during what: String, _ body: () throws -> Void) throws {
    let begun = clock.now
    try body()
    let duration = clock.now - begun
    // What was in flight at the end has arrived, too.
    try wait(forAcknowledgements: 1)
    let times = condition.withLock { acknowledgements.filter { $0.received > begun }.map { $0.received - $0.sent } }
    let sorted = times.sorted()
    func milliseconds(_ time: Duration) -> String { "\((time / .microseconds(10)).rounded() / 100) ms" }
    print(
      """
      beside \(what), \(milliseconds(duration)): \(sorted.count) acknowledgements, median \
      \(milliseconds(sorted[sorted.count / 2])), worst \(milliseconds(sorted[sorted.count - 1]))
      """)
  }

  /// Ends them and returns what does not hold.
  func finish() throws -> [DeliveryChecker.Violation] {
    condition.withLock { isStopping = true }
    try waitForThreads(Self.followerCount)
    // One more wakes followers that have everything.
    let waker = try RawClient(server.url)
    try waker.handshake()
    let number = condition.withLock { () -> Int in
      var (number, sequence) = (0, UInt64(0))
      for (index, reports) in reports.enumerated() {
        for case .acknowledged(let numbers, let sequences) in reports {
          if index == 0 { number = numbers.upperBound }
          sequence = max(sequence, sequences[0].upperBound)
        }
      }
      lastSequence = sequence + 1
      number += 1
      reports[0].append(.handing(number...number))
      return number
    }
    let text = FaultEntry(producer: 1, number: number).text
    try waker.send(try RawClient.append([text], to: Self.stream, producer: .random(), number: 1), id: 1)
    guard case .ack = try waker.receive().message else { throw Failure("no ACK for the last entry") }
    try waitForThreads(0)
    var checker = DeliveryChecker()
    condition.withLock {
      for failure in failures { checker.note(.progress, failure) }
      for (index, reports) in reports.enumerated() { for report in reports { checker.note(report, of: index + 1) } }
      for (index, reads) in reads.enumerated() {
        checker.note([DeliveryChecker.Run(reads: reads)], of: "bystander \(index + 1)")
      }
    }
    let follow = try server.start(["follow", Self.stream, "-n", "all", "--until-head", "-o", "json"])
    guard try follow.wait() == .code(0) else { throw Failure("\(Self.stream) cannot be read: \(follow.errors.text)") }
    checker.note(stored: try CommandFollower.run(follow))
    return checker.violations()
  }

  private func waitForThreads(_ count: Int) throws {
    let deadline = Date(timeIntervalSinceNow: Environment.patience / .seconds(1))
    condition.lock()
    defer { condition.unlock() }
    while runningCount > count {
      guard failures.isEmpty, condition.wait(until: deadline) else {
        throw Failure("\(runningCount) bystanders do not end: \(failures)")
      }
    }
  }
}
