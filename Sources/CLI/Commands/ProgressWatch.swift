internal import LogsClient
internal import Synchronization

/// Ends a command that makes no progress. `--retry-for` is the time from a lost connection or a refusal to the next
/// answer, no matter how often the server was reached in between.
final class ProgressWatch: Sendable {
  /// What has been answered so far, and whether more is awaited: only then the time counts.
  struct Progress: Sendable {
    var answeredCount: UInt64 = 0
    var isWaiting = true
    /// Why nothing can be answered; without patience this is the end.
    var standstill: LogError?
    /// Why a stream is held back: what is left may be its own.
    var held: LogError?

    init() {}

    init(_ counts: ProducerCounts, isWaiting: Bool = true, standstill: LogError? = nil, held: LogError? = nil) {
      (self.standstill, self.held) = (standstill, held)
      answeredCount = counts.acknowledged + counts.refused + counts.dropped
      self.isWaiting = isWaiting && counts.waiting > 0
    }
  }

  /// How often it checks whether the time is over.
  private static let interval = Duration.milliseconds(200)

  private let client: LogClient
  private let patience: Duration?
  private let progress: @Sendable () -> Progress
  /// What stands in the way, and since when without an answer.
  private let obstacle = Mutex<(error: LogError, since: ContinuousClock.Instant)?>(nil)

  /// - Parameter patience: nil for no limit; with zero the first refusal ends it. (The client itself gives up then if
  ///   it cannot reach the server.)
  init(_ client: LogClient, patience: Duration?, progress: @escaping @Sendable () -> Progress) {
    self.client = client
    self.patience = patience
    self.progress = progress
  }

  /// Runs `body`, and cancels it when the time is over.
  ///
  /// - Throws: what `body` throws, or a `LogError` that says what stood in the way.
  func run<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
    guard let patience else { return try await body() }
    return try await withThrowingTaskGroup(of: Result?.self) { group in
      defer { group.cancelAll() }
      group.addTask { try await body() }
      group.addTask {
        await self.noteObstacles(isFinal: patience == .zero)
        return nil
      }
      group.addTask {
        try await self.untilOver(patience)
        return nil
      }
      while let result = try await group.next() {
        if let result { return result }
        if patience == .zero, let obstacle = obstacle.withLock({ $0 }) { throw obstacle.error }
      }
      throw CancellationError()
    }
  }

  /// - Parameter isFinal: whether to return at the first refusal.
  private func noteObstacles(isFinal: Bool) async {
    for await state in client.states {
      switch state {
      case .waiting(_, let error): if !isFinal { note(error) }
      case .refusing(let error):
        note(error)
        if isFinal, progress().isWaiting { return }
      case .idle, .connecting, .connected, .suspended, .closed: break
      }
    }
  }

  private func note(_ error: LogError) { obstacle.withLock { $0 = (error, $0?.since ?? .now) } }

  private func untilOver(_ patience: Duration) async throws {
    guard patience > .zero else { return try await untilStandstill() }
    var answeredCount = progress().answeredCount
    while true {
      try await Task.sleep(for: min(Self.interval, patience))
      let progress = progress()
      if progress.answeredCount != answeredCount || !progress.isWaiting { obstacle.withLock { $0 = nil } }
      answeredCount = progress.answeredCount
      if progress.isWaiting, let held = progress.held { note(held) }
      guard let obstacle = obstacle.withLock({ $0 }), ContinuousClock.now - obstacle.since >= patience else { continue }
      var failure = obstacle.error
      if failure.refusal == nil { failure.code = .gaveUp }
      failure.message = "no progress for \(patience): \(failure.message)"
      throw failure
    }
  }
  private func untilStandstill() async throws {
    while true {
      try await Task.sleep(for: Self.interval)
      let progress = progress()
      if let error = progress.standstill ?? progress.held { throw error }
    }
  }
}
