internal import Glibc

/// Lets one thread wait until another has reached a point: each `pass` waits for its own `open`.
///
/// Invariant behind `@unchecked Sendable`: a semaphore may be used by any thread.
final class Gate: @unchecked Sendable {
  private let semaphore: UnsafeMutablePointer<sem_t>

  init() {
    semaphore = .allocate(capacity: 1)
    precondition(sem_init(semaphore, 0, 0) == 0, "a semaphore of one process can be made")
  }

  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }

  func open() { sem_post(semaphore) }

  func pass() { while sem_wait(semaphore) != 0 {} }
}
