import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

@Suite struct ReadTests {
  @Test(arguments: [0, 32 << 20])
  func `ranges, limits and reverse give a contiguous cover, from memory and from disk`(cacheByteCount: Int) throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    configuration.tailCacheByteCountMax = cacheByteCount
    let test = try TestStore(configuration)
    for number in 1...10 as ClosedRange<UInt64> {
      test.append("web", .test(["\(number)a", "\(number)b", "\(number)c"]), number: number)
    }
    let id = try #require(test.info("web")).id
    let middle = try test.read(ReadRequest(stream: id, from: 5, to: 8)).get()
    #expect(middle.next == 9)
    #expect(middle.head == 30)
    guard case .batches(let run)? = middle.pieces.first, middle.pieces.count == 1, run.numbers == 5...8 else {
      Issue.record("\(middle)")
      return
    }
    #expect(try Batch.run(run.batches).map(\.header.firstSequence) == [4, 7])

    let one = try test.read(ReadRequest(stream: id, from: 5, to: 30, byteCountMax: 1)).get()
    #expect(one.next == 7)
    let reverse = try test.read(ReadRequest(stream: id, from: 5, to: 14, isReverse: true)).get()
    #expect(reverse.next < 5)
    let ranges = reverse.pieces.map { piece -> ClosedRange<UInt64> in
      if case .batches(let run) = piece { run.numbers } else { 0...0 }
    }
    #expect(ranges == [13...14, 10...12, 7...9, 5...6])
    let reverseOne = try test.read(ReadRequest(stream: id, from: 1, to: 100, byteCountMax: 1, isReverse: true)).get()
    #expect(reverseOne.next == 27)

    let beyond = try test.read(ReadRequest(stream: id, from: 31, to: 99)).get()
    #expect(beyond == ReadResult(pieces: [], next: 31, head: 30))
    let cached = test.store.readCached(ReadRequest(stream: id, from: 5, to: 8))
    #expect(cached == (cacheByteCount == 0 ? nil : middle))
  }

  @Test func `an unknown stream is an error`() throws {
    let test = try TestStore(TestDirectory())
    guard case .failure(let error) = test.read(ReadRequest(stream: 5, from: 1, to: 1)) else {
      Issue.record("no error")
      return
    }
    #expect(error.code == .unknownStream)
  }

  @Test func `the cache keeps the last entries of each stream within its bytes`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    configuration.tailCacheEntryCountMax = 10
    configuration.tailCacheByteCountMax = 5000
    let test = try TestStore(configuration)
    for number in 1...30 as ClosedRange<UInt64> { test.append("a", .test("\(number)"), number: number) }
    let a = try #require(test.info("a")).id
    #expect(test.store.readCached(ReadRequest(stream: a, from: 21, to: 30))?.next == 31)
    #expect(test.store.readCached(ReadRequest(stream: a, from: 20, to: 30)) == nil)
    #expect(test.store.readCached(ReadRequest(stream: a, from: 1, to: 30, isReverse: true))?.next == 20)
    for number in 1...30 as ClosedRange<UInt64> {
      test.append("b", .test(String(repeating: "x", count: 1000)), number: number)
    }
    #expect(test.store.readCached(ReadRequest(stream: a, from: 30, to: 30)) == nil)
    #expect(test.store.statistics.tailCacheByteCount <= 5000)
    #expect(try test.readAll("a").texts.count == 30)
    #expect(try test.readAll("b").texts.count == 30)
  }

  @Test func `small runs of many streams count in the cache with all the memory that they take`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    configuration.tailCacheByteCountMax = 20_000
    let test = try TestStore(configuration)
    let names = (1...100).map { "s\($0)" }
    for name in names { test.append(name, .test("1"), number: 1) }
    let cached = try names.map { name in
      let id = try #require(test.info(name)).id
      return test.store.readCached(ReadRequest(stream: id, from: 1, to: 1)) != nil
    }
    // Their bytes alone would all fit.
    #expect(cached.suffix(10).allSatisfy(\.self) && !cached.prefix(70).contains(true))
  }

  @Test func `a time finds the first entry that reaches it, across segments`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try TestStore(directory, clock)
    test.append("web", .test(["a", "b", "c"], times: [10, 20, 30]), number: 1)
    test.append("web", .test(["d", "e"], times: [25, 15]), number: 2)
    test.roll(clock)
    test.append("web", .test(["f", "g", "h"], times: [100, 40, 50]), number: 3)
    #expect(test.findSequence("web", atOrAfter: 0) == 1)
    #expect(test.findSequence("web", atOrAfter: 20) == 2)
    #expect(test.findSequence("web", atOrAfter: 21) == 3)
    #expect(test.findSequence("web", atOrAfter: 31) == 6)
    #expect(test.findSequence("web", atOrAfter: 101) == 9)
  }

  @Test func `a time finds the last entry that is no later, across segments and within bounds`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try TestStore(directory, clock)
    test.append("web", .test(["a", "b", "c"], times: [10, 20, 30]), number: 1)
    test.append("web", .test(["d", "e"], times: [25, 15]), number: 2)
    test.roll(clock)
    test.append("web", .test(["f", "g", "h"], times: [100, 40, 50]), number: 3)
    test.append("web", .test(["i", "j"], times: [35, 60]), number: 4)
    let times: [Int64] = [10, 20, 30, 25, 15, 100, 40, 50, 35, 60]
    for lower in 1...10 as ClosedRange<UInt64> {
      for upper in lower...11 {
        for time in [0, 9, 10, 14, 15, 19, 22, 27, 31, 36, 45, 55, 60, 99, 100, .max] as [Int64] {
          let expected = (lower...min(upper, 10)).last { times[Int($0) - 1] <= time }
          #expect(
            test.findSequence("web", atOrBefore: time, in: lower...upper) == expected, "\(time) \(lower)...\(upper)")
        }
      }
    }
    #expect(test.findSequence("web", atOrBefore: 20, in: 11...20) == nil)
  }

  @Test func `streams are listed by name in pages`() throws {
    let test = try TestStore(TestDirectory())
    for name in ["c", "a", "e", "b", "d"] { test.append(name, .test("1"), number: 1) }
    let first = test.store.streams(from: "", limit: 2)
    #expect(first.map(\.name.text) == ["a", "b"])
    let second = test.store.streams(from: "b\0", limit: 2)
    #expect(second.map(\.name.text) == ["c", "d"])
    let third = test.store.streams(from: "d\0", limit: 2)
    #expect(third.map(\.name.text) == ["e"])
  }

  @Test func `a search for a time ends when nobody waits for it, and when the store closes`() throws {
    for closes in [false, true] {
      let directory = TestDirectory()
      let clock = TestClock()
      let disk = FaultDisk()
      let configuration = disk.configuration(directory, clock)
      do {
        let test = try TestStore(configuration)
        for number in 1...20 as ClosedRange<UInt64> {
          test.append("web", .test(["x"], times: [100]), number: number)
          test.roll(clock)
        }
        test.close()
      }
      let test = try TestStore(configuration)
      let id = try #require(test.info("web")).id
      let readCount = Monitor(0)
      let isReleased = Monitor(false)
      disk.hooks.withLock {
        $0.onRead = { file in
          guard file.hasSuffix("0000000002.db") else { return }
          readCount.withLock { $0 += 1 }
          readCount.signal()
          _ = isReleased.wait { $0 ? true : nil }
        }
      }
      let cancellation = CancellationToken()
      let result = Monitor<Result<UInt64, StoreError>?>(nil)
      test.store.findSequence(stream: id, atOrAfter: 200, cancellation: cancellation) { outcome in
        result.withLock { $0 = outcome }
        result.signal()
      }
      #expect(readCount.wait(timeout: TestSink.patience) { $0 > 0 ? true : nil } == true)
      let closing = closes ? Thread("test-close") { test.close() } : nil
      if closes {
        // Searches end before writes do.
        while test.append("other", .test("o"), number: 1)?.refusal == nil {}
      } else {
        cancellation.cancel()
      }
      isReleased.withLock { $0 = true }
      isReleased.signal()
      let outcome = result.wait(timeout: TestSink.patience) { $0 }
      #expect(throws: StoreError.self) { try outcome?.get() }
      closing?.join()
    }
  }

  @Test func `a search for a time leaves out sealed segments that end before it`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try TestStore(directory, clock)
    for number in 1...4 as ClosedRange<UInt64> {
      test.append("web", .test(["\(number)"], times: [Int64(number)]), number: number)
      test.roll(clock)
    }
    #expect(test.findSequence("web", atOrAfter: 9) == 5)
    for time in 1...4 as ClosedRange<UInt64> { #expect(test.findSequence("web", atOrAfter: Int64(time)) == time) }
    #expect(test.findSequence("web", atOrAfter: 5) == 5)
    test.append("web", .test(["5"], times: [9]), number: 5)
    #expect(test.findSequence("web", atOrAfter: 5) == 5)
    #expect(test.findSequence("web", atOrAfter: 0) == 1)
  }

  @Test(arguments: [0, -1, Int.min, Int.max])
  func `a read of no bytes reads a batch, and one of very many reads a limit`(byteCountMax: Int) throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = TestStore.configuration(directory, clock)
    configuration.tailCacheByteCountMax = 0
    let test = try TestStore(configuration)
    test.append("web", .test("1"), number: 1)
    test.append("web", .test("2"), number: 2)
    #expect(try test.readAll("web", byteCountMax: byteCountMax).texts == ["1", "2"])
  }
}
