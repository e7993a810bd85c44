import Glibc
import LogsClient
import Synchronization
import Testing

@testable import LogsSimulation

let web = StreamName(checked: "web")

extension StreamName {
  /// A name that is known to be valid.
  init(checked text: String) { do { try self.init(text) } catch { fatalError("\(error)") } }
}

extension LogClientConfiguration {
  /// Hardly waits between attempts, and gives each the time that it takes on a busy machine.
  ///
  /// - Parameter isDivided: whether each followed stream has its own request.
  static func test(_ servers: String..., isDivided: Bool = false) -> LogClientConfiguration {
    var configuration = LogClientConfiguration(
      servers: servers, name: "test", backoff: Backoff(base: .milliseconds(1), cap: .milliseconds(5)),
      connectTimeout: .seconds(300))
    if isDivided {
      configuration.followLimits.controlByteCountMax = 0
      configuration.followLimits.selectorCountMax = 1
    }
    return configuration
  }
}

/// Entries whose messages are the numbers of a range.
func entries(_ numbers: ClosedRange<Int>) -> [LogEntry] { numbers.map { LogEntry(message: ByteString("\($0)")) } }

extension LogEntry {
  /// The number at the start of a test's message.
  var number: UInt64 { UInt64(text.prefix { $0 != " " }) ?? 0 }
}

/// What a subscription delivered until it ended, checked on the way: every range follows the one before it, and every
/// entry has the message that belongs to its number.
struct Followed {
  var sequences: [StreamName: [UInt64]] = [:]
  var announced: [AnnouncedStream] = []
  var behind: [UInt64] = []
  var interruptionCount = 0
  var resumptionCount = 0
  var resolvedCount = 0
  var liveCount = 0
  var end: EndReason?
  var cursor = LogCursor()

  mutating func take(_ event: FollowEvent) throws {
    cursor.advance(past: event)
    switch event {
    case .batch(let batch):
      let entries = try batch.entries()
      #expect(entries.map(\.sequence) == (batch.isReverse ? batch.range.reversed() : Array(batch.range)))
      for entry in entries { #expect(entry.number == entry.sequence) }
      sequences[batch.stream, default: []] += entries.map(\.sequence)
    case .announced(let stream): announced.append(stream)
    case .resolved: resolvedCount += 1
    case .skipped, .deleted: break
    case .behind(let count): behind.append(count)
    case .live: liveCount += 1
    case .interrupted: interruptionCount += 1
    case .resumed: resumptionCount += 1
    case .ended(let reason): end = reason
    }
  }

  /// Everything until the end, or until `isEnough`.
  static func all(_ subscription: FollowSequence, until isEnough: (Followed) -> Bool = { _ in false }) async throws
    -> Followed
  {
    var followed = Followed()
    for try await event in subscription {
      try followed.take(event)
      if isEnough(followed) { break }
    }
    return followed
  }
}

/// A value that several tasks change, and whose changes they wait for.
final class Shared<Value: Sendable>: Sendable {
  private struct Waiter {
    let isEnough: @Sendable (Value) -> Bool
    let continuation: CheckedContinuation<Void, Never>
  }

  private let state: Mutex<(value: Value, waiters: [Waiter])>
  init(_ value: Value) { state = Mutex((value, [])) }
  var value: Value { state.withLock { $0.value } }

  func change(_ body: (inout Value) -> Void) {
    let done = state.withLock { state in
      body(&state.value)
      let value = state.value
      let done = state.waiters.filter { $0.isEnough(value) }
      if !done.isEmpty { state.waiters.removeAll { $0.isEnough(value) } }
      return done
    }
    for waiter in done { waiter.continuation.resume() }
  }

  /// Returns when `isEnough` accepts the value.
  func until(_ isEnough: @escaping @Sendable (Value) -> Bool) async {
    await withCheckedContinuation { continuation in
      let isDone = state.withLock { state in
        if isEnough(state.value) { return true }
        state.waiters.append(Waiter(isEnough: isEnough, continuation: continuation))
        return false
      }
      if isDone { continuation.resume() }
    }
  }
}

/// Returns when the task is cancelled.
func untilCancelled() async { for await _ in AsyncStream<Void>.makeStream().stream {} }

/// A directory that is removed with the test.
final class TestDirectory: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/logs-client-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw TestFailure("no directory for the test") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The names of the files in it.
  var names: [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  deinit {
    for name in names { unlink("\(path)/\(name)") }
    rmdir(path)
  }
}

struct TestFailure: Error {
  init(_ message: String) { self.message = message };
  let message: String
}

typealias SeededGenerator = LogsSimulation.SeededGenerator

/// A seed, new each time unless `LOGS_TEST_SEED` names one; printed with the test that uses it.
func testSeed(_ test: String = #function) -> UInt64 {
  let seed = getenv("LOGS_TEST_SEED").flatMap { UInt64(String(cString: $0)) } ?? UInt64.random(in: 0...UInt64.max)
  print("\(test): seed \(seed); replay with LOGS_TEST_SEED=\(seed) swift test --filter ClientTests")
  return seed
}

extension Trait where Self == TimeLimitTrait {
  /// Ends a hanging test. Long enough for a machine that is busy with all other tests.
  static var endsHangs: Self { .timeLimit(.minutes(5)) }
}
