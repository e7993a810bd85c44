import Glibc
import LogsWire
import Testing

@testable import LogsStore

/// Commits by the thread that brought the requests (`Store.commitQueued`).
@Suite struct LeadTests {
  @Test func `a little is committed by the thread that brought it`() throws {
    let directory = TestDirectory()
    let test = try TestStore(TestStore.settings(directory), in: directory, commitsHere: true)
    // At its start the writer's thread has the writer, until it has found nothing to do.
    var number: UInt64 = 0
    repeat {
      number += 1
      #expect(test.append("web", .test("\(number)"), number: number)?.first == number)
    } while test.sink.lastThread != pthread_self() && number < 10_000
    #expect(test.sink.lastThread == pthread_self())
    let request = test.submit("web", .batch(.test("at once")), number: number + 1)
    #expect(test.sink.monitor.withLock { $0.outcomes[request]?.first } == number + 1)
  }

  @Test func `much is left to the writer's thread`() throws {
    let directory = TestDirectory()
    let test = try TestStore(TestStore.settings(directory), in: directory, commitsHere: true)
    let text = String(repeating: "x", count: 100 << 10)
    for number in 1...20 as ClosedRange<UInt64> {
      #expect(test.append("web", .test(text), number: number)?.first == number)
      #expect(test.sink.lastThread != pthread_self())
    }
  }

  @Test func `while the disk is slow all is left to the writer's thread`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let test = try TestStore(disk.settings(directory), commitsHere: true)
    disk.onSync.withLock { $0 = { usleep(10_000) } }
    test.append("web", .test("1"), number: 1)
    for number in 2...5 as ClosedRange<UInt64> {
      test.append("web", .test("\(number)"), number: number)
      #expect(test.sink.lastThread != pthread_self())
    }
  }

  @Test func `threads that commit at the same time leave every batch stored once and in order`() throws {
    let directory = TestDirectory()
    var settings = TestStore.settings(directory)
    settings.segmentByteCountMax = 200 << 10
    settings.walByteCountMax = 64 << 10
    let test = try TestStore(settings, in: directory, commitsHere: true)
    let batchCount: UInt64 = 150
    let threads = (1...4 as ClosedRange<UInt64>).map { producer in
      StoreThread("test-lead") {
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
    // The sink hears of commits one after the other, in the order of their numbers.
    let runs = test.sink.commits.flatMap(\.runs)
    #expect(zip(runs, runs.dropFirst()).allSatisfy { $0.last + 1 == $1.first })
    test.close()
    #expect(test.sink.monitor.withLock { $0.error } == nil)
  }
}

extension TestSink {
  fileprivate var lastThread: pthread_t? { monitor.withLock { $0.threads.last } }
}
