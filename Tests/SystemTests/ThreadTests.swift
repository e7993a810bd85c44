import LogsSystem
import Testing

@Suite struct ThreadTests {
  @Test func `a thread has its name, and is joined when its work is done`() throws {
    let name = Monitor("")
    let thread = Thread("test-with-a-long-name") {
      do {
        let text = try PosixFileSystem().read("/proc/thread-self/comm") ?? []
        name.withLock { $0 = String(decoding: text, as: UTF8.self) }
      } catch { name.withLock { $0 = "\(error)" } }
    }
    thread.join()
    #expect(name.withLock { $0 } == "test-with-a-lon\n")
  }

  @Test func `a monitor wakes waiting threads, and gives up at the deadline`() {
    let monitor = Monitor(0)
    #expect(monitor.wait(timeout: .milliseconds(1)) { $0 > 0 ? $0 : nil } == nil)
    let thread = Thread("test-signal") {
      monitor.withLock { $0 = 7 }
      monitor.signal()
    }
    #expect(monitor.wait { $0 > 0 ? $0 : nil } == 7)
    thread.join()
  }

  private actor Waiter {
    private let thread = ThreadExecutor("test-executor")
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

    func threadName() throws -> String {
      String(decoding: try PosixFileSystem().read("/proc/thread-self/comm") ?? [], as: UTF8.self)
    }

    func run(_ body: @escaping @Sendable () -> Void) { thread.execute(body) }
  }

  @Test func `an actor's work runs on its thread, which ends when all is done`() async throws {
    let isDone = Monitor(false)
    var waiter: Waiter? = Waiter()
    #expect(try await waiter?.threadName() == "test-executor\n")
    await waiter?.run {
      isDone.withLock { $0 = true }
      isDone.signal()
    }
    waiter = nil
    #expect(isDone.wait(timeout: .seconds(300)) { $0 ? true : nil } == true)
  }
}
