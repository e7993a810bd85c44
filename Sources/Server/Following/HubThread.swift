/// The thread of a hub: its clocks, and the way to it from other threads.
package protocol HubThread: AnyObject, Sendable {
  /// In nanoseconds since 1970.
  var wallTime: Int64 { get }

  /// In nanoseconds, of a clock that is never set.
  var monotonicTime: Int64 { get }

  /// Calls `body` once, `delay` from now.
  func call(after delay: Duration, _ body: @escaping () -> Void) -> any DelayedCall

  /// Calls `body` with the hub, if there still is one. From any thread; nothing waits.
  func reach(_ body: @escaping @Sendable (Hub) -> Void)
}

/// What is to be called later, unless it is cancelled.
package protocol DelayedCall: AnyObject {
  func cancel()
}
