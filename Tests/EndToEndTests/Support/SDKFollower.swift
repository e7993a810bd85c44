import FaultMessages
import Foundation
import LogsClient

/// A subscription of the SDK in the test's own process, which sees events that no output shows: skips, and broken
/// covers.
///
/// Invariant behind `@unchecked Sendable`: shared state is touched under `condition`, everything else by the test's
/// thread alone.
final class SDKFollower: FaultyFollower, @unchecked Sendable {
  let name: String
  let link: FaultyProxy
  let outlivesKills = false
  private let condition = NSCondition()
  private let authority: String?
  private var run = DeliveryChecker.Run()
  private var problems: [String] = []
  /// Connections that it gave up because their data was wrong.
  private var distrusted: [String] = []
  private var isOver = true
  private var corruptedCountAtBeginning = 0
  private var task: Task<Void, Never>?

  init(_ name: String, _ server: TestServer) throws {
    self.name = name
    link = try FaultyProxy.start(server, [])
    authority = server.clientEnvironment["LOGS_CA_CERT"]
  }

  func begin(_ stream: String) throws {
    condition.withLock { (run, problems, distrusted, isOver) = (.init(), [], [], false) }
    corruptedCountAtBeginning = link.corruptedCount
    var configuration = LogClientConfiguration(servers: [link.url], name: name)
    configuration.caCertificateFile = authority
    configuration.backoff = Backoff(base: .milliseconds(20), cap: .milliseconds(300))
    configuration.connectTimeout = .seconds(2)
    let client = try LogClient(configuration)
    let selector = StreamSelector.stream(try StreamName(stream))
    // Parallel tests block the threads that tasks share, for longer than this one waits.
    task = Task.detached(executorPreference: try ClientThread(name: "test-follower")) { [self] in
      do { for try await event in client.follow([selector]) { try take(event) } } catch { note("\(error)") }
      await client.shutdown(deadline: .zero)
      over()
    }
  }

  private func take(_ event: FollowEvent) throws {
    switch event {
    case .batch(let batch):
      let entries = try batch.entries()
      condition.withLock {
        for entry in entries {
          if FaultEntry(text: entry.text)?.isSame(as: entry) != true {
            problems.append("number \(entry.sequence) is not as it was handed over: \(entry)")
          }
          run.reads.append(DeliveryChecker.Read(sequence: entry.sequence, text: entry.text))
        }
        condition.broadcast()
      }
    case .skipped(let skip):
      guard skip.reason == .deleted || skip.reason == .trimmed else {
        return note("numbers \(skip.range) were skipped as \(skip.reason)")
      }
      condition.withLock {
        run.removals.append(.init(numbers: skip.range, reason: skip.reason == .deleted ? .deleted : .trimmed))
        condition.broadcast()
      }
    case .announced(let stream): if stream.start != 0 { note("it was told to begin after \(stream.start)") }
    case .ended(let reason): note("it was ended: \(reason)")
    // It reconnects and goes on; unless the link has corrupted the data, the server has.
    case .interrupted(let error) where error.code == .protocolViolation:
      condition.withLock { distrusted.append(error.message) }
    case .resolved, .deleted, .live, .behind, .interrupted, .resumed: break
    }
  }

  private func note(_ problem: String) {
    condition.withLock {
      problems.append(problem)
      condition.broadcast()
    }
  }

  private func over() {
    condition.withLock {
      isOver = true
      condition.broadcast()
    }
  }

  func killAndRestart() throws -> Bool { throw Failure("\(name) lives in the test") }

  func wait(for sequence: UInt64, within patience: Duration) throws {
    let deadline = Date(timeIntervalSinceNow: patience / .seconds(1))
    condition.lock()
    defer { condition.unlock() }
    while run.end < sequence {
      guard !isOver, condition.wait(until: deadline) else {
        throw Failure("number \(sequence) did not come; the last was \(run.end); \(problems)")
      }
    }
  }

  func end() throws -> (runs: [DeliveryChecker.Run], problems: [String]) {
    task?.cancel()
    condition.lock()
    defer { condition.unlock() }
    while !isOver { condition.wait() }
    return ([run], problems + (link.corruptedCount == corruptedCountAtBeginning ? distrusted : []))
  }
}
