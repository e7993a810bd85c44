import LogsSystem
import Synchronization
import Testing

@testable import LogsStore

@Suite struct UpkeepTests {
  /// Records each run of a job, and returns the result of the job's body.
  private final class Job: UpkeepJob {
    private let body: @Sendable (_ runCount: Int, _ isClosing: Bool) -> UpkeepOutcome
    let runCount = Monitor(0)

    init(_ body: @escaping @Sendable (_ runCount: Int, _ isClosing: Bool) -> UpkeepOutcome) { self.body = body }

    func run(on upkeep: Upkeep) -> UpkeepOutcome {
      let outcome = body(runCount.withLock { $0 } + 1, upkeep.isClosing)
      runCount.withLock { $0 += 1 }
      runCount.signal()
      return outcome
    }

    func waitForRun(_ count: Int) -> Bool {
      runCount.wait(timeout: TestSink.patience) { $0 >= count ? true : nil } ?? false
    }
  }

  private func upkeep(_ directory: TestDirectory) -> Upkeep {
    let configuration = TestStore.configuration(directory)
    let file = StoreFile(id: .random(), newest: 0, isClean: false)
    let paths = StorePaths(directory: directory.data)
    let store = StoreDirectory(configuration, paths, file, SegmentListing())
    let catalog = Catalog()
    let retention = Retention(
      configuration, directory: store, queue: WriterQueue(configuration, catalog: catalog), catalog: catalog,
      latest: nil)
    let pool = ConnectionPool(configuration)
    return Upkeep(
      configuration, directory: store, pool: pool, retention: retention,
      rewriting: Rewriting(configuration, catalog: catalog),
      archive: SegmentArchive(configuration, directory: store, pool: pool, catalog: catalog), failed: { _ in })
  }

  @Test func `jobs run in order, and an unfinished one runs again at its time`() {
    let upkeep = upkeep(TestDirectory())
    let order = Mutex<[String]>([])
    let first = Job { runCount, _ in
      order.withLock { $0.append("first \(runCount)") }
      return runCount < 3 ? .again(after: .milliseconds(1)) : .done
    }
    let later = Job { _, _ in .again(after: .seconds(3600)) }
    let last = Job { runCount, _ in
      order.withLock { $0.append("last \(runCount)") }
      return .done
    }
    for job in [first, later, last] { upkeep.add(job) }
    #expect(first.waitForRun(3) && last.waitForRun(1))
    #expect(order.withLock { $0 }.filter { $0.hasPrefix("first") } == ["first 1", "first 2", "first 3"])
    #expect(order.withLock { $0 }.first == "first 1")
    #expect(later.runCount.withLock { $0 } == 1)
    upkeep.close()
  }

  @Test func `waiting jobs run once more when the store closes, due or not, and know that it is the last time`() {
    let upkeep = upkeep(TestDirectory())
    let closings = Mutex<[Bool]>([])
    let job = Job { _, isClosing in
      closings.withLock { $0.append(isClosing) }
      return .again(after: .seconds(3600))
    }
    upkeep.add(job)
    #expect(job.waitForRun(1))
    upkeep.close()
    #expect(closings.withLock { $0 } == [false, true])
  }
}
