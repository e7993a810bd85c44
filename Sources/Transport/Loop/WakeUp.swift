internal import CEvent
internal import LogsSystem

/// An eventfd that ends a loop's wait from another thread. Nobody reads its counter.
struct WakeUp: ~Copyable, Sendable {
  private let descriptor: Descriptor

  init() throws(TransportError) {
    let number = logs_eventfd()
    guard number >= 0 else {
      throw .noLoop()
    }
    descriptor = Descriptor(adopting: number)
  }

  var number: Int32 { descriptor.number }

  /// Fails only if the counter is full, which takes 2^64 signals.
  func signal() { _ = logs_eventfd_signal(descriptor.number) }
}
