internal import LogsTransport
internal import Synchronization

/// Gets a core to work, from any thread; made before the core, since the core is made of those who wake it.
final class ProducerWake: Sendable {
  private let work = Mutex<(@Sendable () -> Void)?>(nil)

  func bind(to core: ProducerCore) {
    let loop = core.loop
    work.withLock { work in
      work = { [weak core] in
        guard let core else { return }
        loop.execute { core.assumeIsolated { $0.work() } }
      }
    }
  }

  func callAsFunction() { work.withLock { $0 }?() }
}
