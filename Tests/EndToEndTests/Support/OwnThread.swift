import Glibc
import Synchronization
import Testing

/// Runs each test of a suite on its own thread: the tests wait for processes and sockets in blocking calls, which must
/// not hold up the few threads that all tests share.
struct OwnThread: SuiteTrait, TestTrait, TestScoping {
  /// How many slots a test takes; nil for all, which makes it run alone.
  let weight: Int?

  var isRecursive: Bool { true }

  @concurrent func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
  ) async throws {
    guard testCase != nil else { return try await function() }
    let taken = await Slots.shared.take(weight)
    defer { Slots.shared.giveBack(taken) }
    try await withTaskExecutorPreference(ThreadExecutor()) { try await function() }
  }
}

extension Trait where Self == OwnThread {
  /// A separate thread, and one of the slots that limit how many tests run at once.
  static var ownThread: Self { OwnThread(weight: 1) }
  /// Like `ownThread`, but without other such tests at the same time: for measurements.
  static var alone: Self { OwnThread(weight: nil) }
}

/// Starts a thread for each piece of work.
private final class ThreadExecutor: TaskExecutor {
  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let executor = asUnownedTaskExecutor()
    Threads.start { job.runSynchronously(on: executor) }
  }
}

enum Threads {
  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  static func start(_ body: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    let context = Unmanaged.passRetained(Body(body)).toOpaque()
    let result = pthread_create(
      &thread, nil,
      { context in
        Unmanaged<Body>.fromOpaque(context!).takeRetainedValue().run()
        return nil
      }, context)
    precondition(result == 0, "a thread can be started")
    pthread_detach(thread)
  }
}

/// Bounds how many tests run at once. A test that fits goes first: one that must run alone comes last and holds up no
/// other.
final class Slots: Sendable {
  static let shared = Slots(Environment.number("LOGS_TEST_WIDTH", default: 6))

  private struct State {
    var free: Int
    var waiting: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private let count: Int
  private let state: Mutex<State>

  private init(_ count: Int) {
    self.count = count
    state = Mutex(State(free: count))
  }

  func take(_ weight: Int?) async -> Int {
    let wanted = weight ?? count
    await withCheckedContinuation { continuation in
      let isFree = state.withLock { state in
        if state.free >= wanted {
          state.free -= wanted
          return true
        }
        state.waiting.append((wanted, continuation))
        return false
      }
      if isFree { continuation.resume() }
    }
    return wanted
  }

  func giveBack(_ taken: Int) {
    let ready = state.withLock { state in
      state.free += taken
      var ready: [CheckedContinuation<Void, Never>] = []
      while let index = state.waiting.firstIndex(where: { $0.count <= state.free }) {
        state.free -= state.waiting[index].count
        ready.append(state.waiting.remove(at: index).continuation)
      }
      return ready
    }
    for continuation in ready { continuation.resume() }
  }
}
