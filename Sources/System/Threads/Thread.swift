internal import CSystem
internal import Glibc
internal import Synchronization

/// A thread with a name that `top -H` shows. One that is never joined is detached.
package final class Thread: Sendable {
  private let handle: pthread_t
  private let isJoined = Atomic(false)

  /// What a thread gets of the processors when others want them, too.
  package enum Priority: Sendable {
    case normal
    /// Far less than a normal one, but always some.
    case low
    /// Nothing.
    case idle
  }

  private final class Work: Sendable {
    let name: String
    let priority: Priority
    let body: @Sendable () -> Void

    init(name: String, priority: Priority, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.priority = priority
      self.body = body
    }
  }

  /// The system refuses longer names.
  private static let nameByteCountMax = 15
  private static let attemptCountMax = 50
  private static let retryMicroseconds: UInt32 = 2_000
  /// A tenth of what a normal thread gets.
  private static let lowNiceness: CInt = 10

  /// Starts a thread that runs `body`.
  ///
  /// - Throws: if the system has no thread left.
  package init(
    starting name: String, priority: Priority = .normal, _ body: @escaping @Sendable () -> Void
  ) throws(SystemError) {
    let name = String(decoding: name.utf8.prefix(Self.nameByteCountMax), as: UTF8.self)
    // The thread takes over this reference when it starts.
    let work = unsafe Unmanaged.passRetained(Work(name: name, priority: priority, body: body))
    var handle = pthread_t()
    var status: Int32
    var attemptCount = 0
    repeat {
      // Threads that have ended may count for a moment longer.
      if attemptCount > 0 { usleep(Self.retryMicroseconds) }
      attemptCount += 1
      status = unsafe pthread_create(
        &handle, nil,
        { argument in
          guard let argument = unsafe argument else { preconditionFailure("a thread is started with its work") }
          let work = unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
          unsafe logs_set_thread_name(work.name)
          logs_use_crash_stack()
          switch work.priority {
          case .normal: break
          case .low: logs_set_thread_nice(Thread.lowNiceness)
          case .idle: logs_set_thread_idle()
          }
          work.body()
          return nil
        }, unsafe work.toOpaque())
    } while status == EAGAIN && attemptCount < Self.attemptCountMax
    guard status == 0 else {
      unsafe work.release()
      throw SystemError(status)
    }
    self.handle = handle
  }

  /// Starts a thread that the program cannot run without.
  package convenience init(_ name: String, priority: Priority = .normal, _ body: @escaping @Sendable () -> Void) {
    do throws(SystemError) { try self.init(starting: name, priority: priority, body) } catch {
      preconditionFailure("the system gives no thread: errno \(error.number)")
    }
  }

  deinit { if !isJoined.load(ordering: .relaxed) { pthread_detach(handle) } }

  /// Waits for the thread to end. May be called once.
  package func join() {
    precondition(!isJoined.exchange(true, ordering: .relaxed), "a thread is joined once")
    let status = pthread_join(handle, nil)
    precondition(status == 0, "a thread cannot be joined: errno \(status)")
  }
}
