import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// What the server adds to its own streams.
@Suite struct OwnEntriesTests {
  private func append(_ text: String, to test: TestStore) -> Bool? {
    let isStored = Monitor<Bool?>(nil)
    test.store.append(
      OwnEntries(stream: OwnStreams.log, batch: .test(text)) { stored in
        isStored.withLock { $0 = stored }
        isStored.signal()
      })
    return isStored.wait(timeout: TestSink.patience) { $0 }
  }

  @Test func `they are stored among the others, and found after a restart`() throws {
    let directory = TestDirectory()
    do {
      let test = try TestStore(directory)
      for number in 1...5 as ClosedRange<UInt64> {
        test.append("web", .test("\(number)"), number: number)
        #expect(append("line \(number)", to: test) == true)
      }
      // Followers hear of them.
      let runs = test.sink.commits.flatMap(\.runs).filter { $0.stream.name == OwnStreams.log }
      #expect(runs.map(\.run.numbers) == (1...5).map { $0...$0 } && runs.first?.isNewStream == true)
      #expect(test.sink.lines.isEmpty)
      #expect(test.store.statistics.entryCount == 5)
      test.close()
      #expect(append("late", to: test) == false)
    }
    let test = try TestStore(directory)
    #expect(try test.readAll("$logsd").texts == (1...5).map { "line \($0)" })
    #expect(try test.readAll("web").texts == (1...5).map(String.init))
    #expect(append("line 6", to: test) == true)
    #expect(test.info("$logsd")?.head == 6)
  }

  @Test func `without room they are refused, and nothing is said of that`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    // More than any disk has.
    configuration.retention.diskFreeMin = .bytes(1 << 60)
    configuration.retentionInterval = .milliseconds(2)
    let test = try TestStore(configuration, in: directory)
    #expect(test.sink.waitForLine("appends are refused: less is free"))
    for _ in 0..<10 { #expect(append("line", to: test) == false) }
    #expect(test.sink.lines.count == 1 && test.info("$logsd") == nil)
  }

  @Test func `a limit on streams does not stop them`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    configuration.streamCountMax = 1
    let test = try TestStore(configuration, in: directory)
    test.append("web", .test("1"), number: 1)
    #expect(append("line", to: test) == true)
    #expect(test.append("web2", .test("1"), number: 1)?.refusal?.code == .tooManyStreams)
  }

  @Test func `they are trimmed by their own rules, without any for other streams`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = TestStore.configuration(directory, clock)
    configuration.retention.rules = OwnStreams.rules
    configuration.retentionInterval = .milliseconds(2)
    configuration.elapsed = { clock.now }
    let test = try TestStore(configuration, in: directory)
    #expect(append("first", to: test) == true)
    test.append("web", .test("1"), number: 1)
    for _ in 0..<15 { test.roll(clock) }
    #expect(test.sink.waitForLine("trimmed: 1 stream of $logsd"))
    #expect(test.info("$logsd")?.firstKept == 2)
    #expect(try test.readAll("web").texts == ["1"] && test.store.statistics.trimmedSegmentCount == 0)
  }
}
