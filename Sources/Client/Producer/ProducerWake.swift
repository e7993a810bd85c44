internal import LogsTransport
internal import Synchronization

/// Wakes a core up, from any thread. It exists before the core, which is made from parts that wake it.
final class ProducerWake: Sendable {
  /// In a `Mutex` of a bare function, each access would wrap the function once more: generic code holds functions in
  /// another form, and `withLock` converts it back and forth.
  private struct Work {
    let body: @Sendable () -> Void
  }

  private let work = Mutex<Work?>(nil)

  func bind(to core: ProducerCore) {
    let loop = core.loop
    bind { [weak core] in
      guard let core else { return }
      loop.execute { core.assumeIsolated { $0.work() } }
    }
  }

  func bind(_ body: @escaping @Sendable () -> Void) { work.withLock { $0 = Work(body: body) } }

  func callAsFunction() { work.withLock { $0 }?.body() }
}
