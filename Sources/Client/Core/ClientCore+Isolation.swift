internal import LogsTransport

extension ClientCore {
  /// Runs `body`, which captures nothing, on the loop's thread.
  ///
  /// The same as `assumeIsolated`, for the two calls that each append makes. That asks the runtime twice which executor
  /// the thread has, and makes two objects for the closure: 1,100 instructions, 50 here.
  @inline(__always)
  nonisolated func onLoop<Argument>(
    _ argument: Argument, _ body: @escaping (isolated ClientCore, Argument) -> Void
  ) {
    precondition(loop.isOnLoop, "the core is used on the thread of its loop")
    // Isolation is no part of how a function is called. The actor's executor is the loop, whose thread this is.
    let call = unsafe unsafeBitCast(body, to: ((ClientCore, Argument) -> Void).self)
    call(self, argument)
  }
}
