import LogsWire
import Testing

@testable import LogsStore

/// Searches by time come in turns, like reads.
@Suite struct SearchTurnTests {
  private static let entryCount: UInt64 = 200

  /// A stream each of whose runs looks as if it might hold a late entry, so that a search decodes them all.
  private func store(
    _ directory: TestDirectory, _ clock: TestClock, decoded: @escaping @Sendable () -> Void
  ) throws -> TestStore {
    var settings = TestStore.settings(directory, clock)
    settings.tailCacheByteCountMax = 0
    settings.markForwardCountMax = 0
    settings.timesOf = { batch in
      decoded()
      return Array(repeating: 5, count: Int(batch.header.count))
    }
    let test = try TestStore(settings, in: directory)
    for number in 1...Self.entryCount {
      test.append("web", .test(["\(number)"], times: 1...10), producer: 1, number: number)
    }
    test.roll(clock)
    return test
  }

  @Test func `the look-up of a new producer goes between two turns of long searches`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let decodedCount = Monitor(0)
    let onDecode = Monitor<(@Sendable (Int) -> Void)?>(nil)
    let test = try store(directory, clock) {
      let count = decodedCount.withLock { count in
        count += 1
        return count
      }
      onDecode.withLock({ $0 })?(count)
    }
    let id = try #require(test.info("web")).id
    let request = Monitor<UInt32?>(nil)
    let outcome = Monitor<WriteOutcome?>(nil)
    onDecode.withLock {
      $0 = { [weak test] count in
        guard let test else { return }
        if count == 1 {
          // On the one thread that reads, inside the first search, while the second one waits.
          let submitted = test.submit("web", .batch(.test("new")), producer: 2, number: 1)
          request.withLock { $0 = submitted }
        } else if count == 2, let request = request.withLock({ $0 }) {
          // The turn before has ended for the look-up, or this would wait in vain.
          let answer = test.sink.outcome(request)
          outcome.withLock { $0 = answer }
        }
      }
    }
    let found = Monitor<[UInt64]>([])
    for _ in 0..<2 {
      test.store.findSequence(stream: id, atOrAfter: 6) { result in
        found.withLock { if case .success(let number) = result { $0.append(number) } }
        found.signal()
      }
    }
    let numbers = found.wait(timeout: TestSink.patience) { $0.count == 2 ? $0 : nil }
    #expect(numbers == [Self.entryCount + 1, Self.entryCount + 1])
    #expect(outcome.withLock { $0 }?.first == Self.entryCount + 1)
    #expect(decodedCount.withLock { $0 } == 2 * Int(Self.entryCount), "no run is decoded twice or left out")
  }

  @Test(arguments: [true, false])
  func `a search in turns of one step each finds the same`(isForward: Bool) throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var settings = TestStore.settings(directory, clock)
    settings.tailCacheByteCountMax = 0
    settings.readTimeMax = .zero
    let test = try TestStore(settings, in: directory)
    for number in 1...60 as ClosedRange<UInt64> {
      let time = Int64(number * 7 % 60) + 1
      test.append("web", .test(["\(number)"], times: time...time), number: number)
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
  func `a search finds what it is to find wherever the clock stood, within segments and across them`(
    cacheByteCount: Int
  ) throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var settings = TestStore.settings(directory, clock)
    settings.tailCacheByteCountMax = cacheByteCount
    let test = try TestStore(settings, in: directory)
    let right = clock.now
    let wrong = right + 4_000_000_000_000_000_000
    let times = [right + 10, wrong, right + 20, right + 30, wrong - 5, right + 40]
    for (index, time) in times.enumerated() {
      clock.set(time)
      // Without a time of its own it counts as received.
      test.append("web", .test(["\(index)"], times: 0...0), number: UInt64(index) + 1)
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
