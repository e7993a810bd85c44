internal import CSystem
internal import Glibc

/// A thread of the store's own, with a name that `top -H` shows.
///
/// Invariant behind `@unchecked Sendable`: the handle is written once, before anyone else has the object.
@safe final class StoreThread: @unchecked Sendable {
  private var handle = pthread_t()

  private final class Work {
    let name: String
    let isBackground: Bool
    let body: @Sendable () -> Void
    init(name: String, isBackground: Bool, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.isBackground = isBackground
      self.body = body
    }
  }

  /// Starts a thread that runs `body`; in the background it gets only the time that nobody else wants.
  init(_ name: String, isBackground: Bool = false, _ body: @escaping @Sendable () -> Void) {
    let work = unsafe Unmanaged.passRetained(Work(name: name, isBackground: isBackground, body: body))
    let status = unsafe pthread_create(
      &handle, nil,
      { argument in
        guard let argument = unsafe argument else { preconditionFailure("a thread is started with its work") }
        let work = unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
        unsafe logs_set_thread_name(work.name)
        logs_use_crash_stack()
        if work.isBackground { logs_set_thread_idle() }
        work.body()
        return nil
      }, unsafe work.toOpaque())
    precondition(status == 0, "the system gives no thread: errno \(status)")
  }

  /// Waits for the thread to end. Once.
  func join() {
    let status = pthread_join(handle, nil)
    precondition(status == 0, "a thread is joined once: errno \(status)")
  }
}
