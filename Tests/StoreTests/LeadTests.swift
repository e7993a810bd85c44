import CFaultVFS
import CSQLite
import Glibc
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// Commits by the thread that submitted the requests (`Store.commitQueued`).
@Suite struct LeadTests {
  /// Settings with which no commit is slow, whatever else the machine does.
  private func patient(_ configuration: StoreConfiguration) -> StoreConfiguration {
    var configuration = configuration
    configuration.leadCommitTimeMax = .seconds(3600)
    return configuration
  }

  @Test func `a small group is committed by the thread that brought it`() throws {
    let directory = TestDirectory()
    let test = try TestStore(patient(TestStore.configuration(directory)), in: directory, commitsHere: true)
    // The writer's thread has its turn when the store opens, and may still be at it.
    var ownCount = 0
    for number in 1...500 as ClosedRange<UInt64> where ownCount < 3 {
      let request = test.submit("web", .batch(.test("at once")), number: number)
      let isDone = test.sink.monitor.withLock { $0.outcomes[request]?.first == number }
      if isDone, test.sink.lastThread == pthread_self() { ownCount += 1 }
      #expect(test.sink.outcome(request)?.first == number)
    }
    #expect(ownCount == 3)
  }

  @Test func `requests waiting for a commit that stops the store are not stored`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let test = try TestStore(patient(disk.configuration(directory)), commitsHere: true)
    test.append("web", .test("1"), number: 1)
    disk.inject(.init(operation: FAULT_SYNC, suffix: "-wal", code: SQLITE_IOERR | (4 << 8), count: 1))
    disk.hooks.withLock {
      $0.onSync = { [store = test.store] in
        // Another shard's, while this one waits for the disk.
        _ = store.enqueue(
          WriteRequest(
            stream: StreamName(stored: "web"), producer: .test(2), number: 1, floor: 0,
            content: .batch(.test("behind")),
            token: WriteToken(shard: 0, client: 1, request: 1_000_000)))
      }
    }
    _ = test.submit("web", .batch(.test("fails")), number: 2)
    // The writer's thread may still have its first turn, and do it.
    #expect(test.sink.waitForFailure()?.code == .inputOutput)
    let operationCount = disk.operationCount
    test.close()
    #expect(disk.operationCount == operationCount, "nothing is written any more")
    #expect(test.sink.monitor.withLock { $0.outcomes[1_000_000] }?.refusal?.code == .storageFailed)
    #expect(test.append("web", .test("late"), number: 2)?.refusal?.isRetryable == true)
  }

  @Test func `after a failed commit the writer's thread tries, and leads resume when it succeeds`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let test = try TestStore(patient(disk.configuration(directory)), commitsHere: true)
    test.append("web", .test("1"), number: 1)
    disk.inject(.init(operation: FAULT_WRITE, suffix: "-wal", code: SQLITE_FULL))
    // On this thread, unless the writer's still has the writer.
    #expect(test.append("web", .test("full"), number: 2)?.refusal?.code == .diskFull)
    #expect(test.append("web", .test("full"), number: 2)?.refusal?.code == .diskFull)
    #expect(test.sink.lastThread != pthread_self())
    disk.heal()
    #expect(test.append("web", .test("2"), number: 2)?.first == 2)
    #expect(test.sink.lastThread != pthread_self())
    // The thread answers before it gives the writer back.
    var number: UInt64 = 2
    repeat {
      number += 1
      #expect(test.append("web", .test("\(number)"), number: number)?.first == number)
    } while test.sink.lastThread != pthread_self()
  }

  @Test func `a commit that must bring the index up to date is left to the writer's thread`() throws {
    let directory = TestDirectory()
    var configuration = patient(TestStore.configuration(directory))
    configuration.indexLagCountMax = 10
    let test = try TestStore(configuration, in: directory, commitsHere: true)
    for number in 1...100 as ClosedRange<UInt64> { test.append("web", .test("\(number)"), number: number) }
    // Every tenth commit finds ten rows behind; the writer's thread may take a few more while it is awake.
    let threads = test.sink.monitor.withLock { $0.threads }
    #expect(threads.count { $0 != pthread_self() } >= 9)
    for index in threads.indices.dropFirst() where (index + 1).isMultiple(of: 11) {
      #expect(threads[index - 10...index].contains { $0 != pthread_self() })
    }
    #expect(try test.readAll("web").texts.count == 100)
  }

  @Test func `a large group is left to the writer's thread`() throws {
    let directory = TestDirectory()
    let test = try TestStore(TestStore.configuration(directory), in: directory, commitsHere: true)
    let text = String(repeating: "x", count: 100 << 10)
    for number in 1...20 as ClosedRange<UInt64> {
      #expect(test.append("web", .test(text), number: number)?.first == number)
      #expect(test.sink.lastThread != pthread_self())
    }
  }

  @Test func `while the disk is slow everything is left to the writer's thread`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    // No disk is faster.
    configuration.leadCommitTimeMax = .nanoseconds(1)
    let test = try TestStore(configuration, in: directory, commitsHere: true)
    test.append("web", .test("1"), number: 1)
    for number in 2...5 as ClosedRange<UInt64> {
      test.append("web", .test("\(number)"), number: number)
      #expect(test.sink.lastThread != pthread_self())
    }
  }

  @Test func `threads that commit at the same time leave every batch stored once and in order`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    configuration.segmentByteCountMax = 200 << 10
    configuration.walByteCountMax = 64 << 10
    let test = try TestStore(configuration, in: directory, commitsHere: true)
    let batchCount: UInt64 = 150
    let threads = (1...4 as ClosedRange<UInt64>).map { producer in
      Thread("test-lead") {
        for number in 1...batchCount {
          test.append("web", .test("\(producer)/\(number)"), producer: producer, number: number)
        }
      }
    }
    for thread in threads { thread.join() }
    let texts = try test.readAll("web").texts
    #expect(texts.count == 4 * Int(batchCount))
    for producer in 1...4 {
      #expect(texts.filter { $0.hasPrefix("\(producer)/") } == (1...batchCount).map { "\(producer)/\($0)" })
    }
    // The sink learns of commits one after the other, in the order of their numbers.
    let runs = test.sink.commits.flatMap(\.runs)
    #expect(zip(runs, runs.dropFirst()).allSatisfy { $0.last + 1 == $1.first })
    test.close()
    #expect(test.sink.monitor.withLock { $0.error } == nil)
  }
}

extension TestSink {
  fileprivate var lastThread: pthread_t? { monitor.withLock { $0.threads.last } }
}
