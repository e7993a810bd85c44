internal import CSystem
internal import Glibc

/// What a thread runs.
private final class ThreadBody: Sendable {
  let run: @Sendable () -> Void

  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Starts a thread that runs `body`; it must be joined or detached.
func startThread(_ body: @escaping @Sendable () -> Void) throws(TransportError) -> pthread_t {
  var thread = pthread_t()
  // The thread takes over this reference when it starts.
  let context = unsafe Unmanaged.passRetained(ThreadBody(body))
  let status = unsafe pthread_create(
    &thread, nil,
    { context in
      guard let context = unsafe context else { return nil }
      logs_use_crash_stack()
      unsafe Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run()
      return nil
    }, context.toOpaque())
  guard status == 0 else {
    unsafe context.release()
    throw TransportError(
      "no thread could be started", cause: SystemError(status), advice: "check the limit on processes (ulimit -u)")
  }
  return thread
}
