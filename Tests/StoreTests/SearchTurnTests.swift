import LogsSystem
import LogsWire
import Synchronization
import Testing

@testable import LogsStore

/// Searches by time come in turns, like reads.
@Suite struct SearchTurnTests {
  private static let entryCount: UInt64 = 200

  /// A reader of a sealed segment with a stream each of whose runs looks as if it might hold a late entry, so that a
  /// search decodes them all.
  private func reader(
    _ configuration: StoreConfiguration, _ directory: TestDirectory, _ clock: TestClock,
    _ batches: [Batch] = (1...entryCount).map { .test(["\($0)"], times: [5], range: 1...10) }
  ) throws -> Reader {
    let test = try TestStore(configuration, in: directory)
    for (index, batch) in batches.enumerated() { test.append("web", batch, number: UInt64(index) + 1) }
    test.roll(clock)
    let catalog = Catalog()
    catalog.publish([try #require(test.info("web"))])
    test.close()
    let segment = Segment(number: 1, path: StorePaths(directory: directory.data).segment(1), state: .sealed)
    return Reader(
      catalog: catalog, segments: SegmentList(SegmentListing(segments: [segment])), pool: ConnectionPool(configuration),
      tail: TailCache(configuration), files: configuration.fileSystem, readTimeMax: configuration.readTimeMax,
      damaged: { _ in },
      log: { _ in })
  }

  private func search(_ reader: Reader) throws -> TimeSearch {
    let stream = try #require(reader.catalog[StreamName(stored: "web")])
    return TimeSearch(stream: stream.id, kind: .atOrAfter(6), rest: 1...stream.head)
  }

  @Test func `urgent jobs run between two turns of long searches`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let disk = FaultDisk()
    var configuration = disk.configuration(directory, clock)
    // Nothing else ends a turn.
    configuration.readTimeMax = .seconds(3600)
    let reader = try reader(configuration, directory, clock)
    let threads = ReaderThreads("test-read", count: 1)
    let searches = Searches(reader: reader, threads: threads)
    let done = Monitor<[String]>([])
    let isFirst = Mutex(true)
    disk.hooks.withLock {
      $0.onRead = { _ in
        // On the one thread that reads, inside the first search, while the second one waits.
        guard
          isFirst.withLock({ isFirst in
            defer { isFirst = false }; return isFirst
          })
        else { return }
        _ = threads.add(isUrgent: true) { done.withLock { $0.append("look-up") } }
      }
    }
    let search = try search(reader)
    for _ in 0..<2 {
      searches.run(search, cancellation: CancellationToken()) { result in
        if case .success(nil) = result { done.withLock { $0.append("search") } }
        done.signal()
      }
    }
    let order = done.wait(timeout: TestSink.patience) { $0.count == 3 ? $0 : nil }
    #expect(order == ["look-up", "search", "search"])
    threads.close()
  }

  @Test func `a search goes on in the middle of a run, where one ended before runs were joined`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let batch = Batch.test((1...20).map { "\($0)" }, times: (1...20).map { $0 })
    let reader = try reader(TestStore.configuration(directory, clock), directory, clock, [batch, .test("last")])
    let stream = try #require(reader.catalog[StreamName(stored: "web")])
    var search = TimeSearch(stream: stream.id, kind: .atOrAfter(15), rest: 11...stream.head)
    guard case .found(let number) = try reader.advance(&search, while: { true }) else {
      Issue.record("nothing is found")
      return
    }
    #expect(number == 15)
  }

  @Test func `a search in turns decodes no run twice and leaves none out`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let reader = try reader(TestStore.configuration(directory, clock), directory, clock)
    var search = try search(reader)
    var turnCount: UInt64 = 1
    while case .unfinished = try reader.advance(&search, while: { false }) { turnCount += 1 }
    #expect(turnCount == Self.entryCount)
  }

  @Test(arguments: [true, false])
  func `a search in turns of one step each finds the same`(isForward: Bool) throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = TestStore.configuration(directory, clock)
    configuration.tailCacheByteCountMax = 0
    configuration.readTimeMax = .zero
    let test = try TestStore(configuration, in: directory)
    for number in 1...60 as ClosedRange<UInt64> {
      let time = Int64(number * 7 % 60) + 1
      test.append("web", .test(["\(number)"], times: [time]), number: number)
      if number % 20 == 0 { test.roll(clock, waitForSeal: number % 40 == 0) }
    }
    let times = (1...60).map { Int64($0 * 7 % 60) + 1 }
    for time in -1...61 as ClosedRange<Int64> {
      if isForward {
        let expected = times.firstIndex { $0 >= time }.map { UInt64($0) + 1 } ?? 61
        #expect(test.findSequence("web", atOrAfter: time) == expected, "\(time)")
      } else {
        let expected = times.lastIndex { $0 <= time }.map { UInt64($0) + 1 }
        #expect(test.findSequence("web", atOrBefore: time) == expected, "\(time)")
      }
    }
  }

  @Test(arguments: [0, 32 << 20])
  func `a search is right wherever the clock stood, within segments and across them`(
    cacheByteCount: Int
  ) throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = TestStore.configuration(directory, clock)
    configuration.tailCacheByteCountMax = cacheByteCount
    let test = try TestStore(configuration, in: directory)
    let right = clock.now
    let wrong = right + 4_000_000_000_000_000_000
    let times = [right + 10, wrong, right + 20, right + 30, wrong - 5, right + 40]
    for (index, time) in times.enumerated() {
      clock.set(time)
      // Without a time, the received time counts.
      test.append("web", .test(["\(index)"], times: [0]), number: UInt64(index) + 1)
    }
    test.roll(clock)
    for time in times + [right, right + 35, wrong + 1] {
      let after = times.firstIndex { $0 >= time }.map { UInt64($0) + 1 } ?? UInt64(times.count) + 1
      let before = times.lastIndex { $0 <= time }.map { UInt64($0) + 1 }
      // Twice: the second search knows the latest times of segments.
      for _ in 0..<2 {
        #expect(test.findSequence("web", atOrAfter: time) == after, "\(time)")
        #expect(test.findSequence("web", atOrBefore: time) == before, "\(time)")
      }
    }
  }
}
