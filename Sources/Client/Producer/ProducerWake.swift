internal import LogsTransport
internal import Synchronization

/// Gets a core to work, from any thread; made before the core, since the core is made of those who wake it.
final class ProducerWake: Sendable {
  /// A `Mutex` of a bare function would wrap it anew at each look, deeper and deeper: generic code holds functions in
  /// another form, and `withLock` converts there and back.
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
