import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// Rules for the streams of a pattern trim these and no others.
@Suite struct StreamRetentionTests {
  private static let hour = Duration.seconds(3600)

  private static func configuration(
    _ directory: TestDirectory, _ clock: TestClock, _ rules: [RetentionRule]
  ) -> StoreConfiguration {
    var configuration = TestStore.configuration(directory, clock)
    configuration.retentionInterval = .milliseconds(2)
    configuration.tailCacheByteCountMax = 0
    configuration.rewriteDelay = .milliseconds(1)
    configuration.upkeepProcessorPercent = 0
    configuration.upkeepRetryInterval = .milliseconds(5)
    configuration.elapsed = { clock.now }
    configuration.retention.rules = rules
    return configuration
  }

  @Test func `by age, the streams of a pattern go before the others`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let rule = RetentionRule(pattern: try StreamPattern("app/*"), ageMax: Self.hour * 40)
    let configuration = Self.configuration(directory, clock, [rule])
    let secret = String(repeating: "secret ", count: 20_000)
    do {
      let test = try TestStore(configuration, in: directory)
      for number in 1...6 as ClosedRange<UInt64> {
        test.append("app/a", .test("\(number) \(secret)"), number: number)
        test.append("web", .test("\(number)"), producer: 2, number: number)
        if number % 2 == 0 { test.roll(clock) }
      }
      clock.advance(Self.hour * 16)
      #expect(test.sink.waitForLine("trimmed: 1 stream of app/*"))
      #expect(test.sink.waitForLine("segment 1 is rewritten"))
      try Self.expectTrimmed(test)
      let bytes = directory.contents("data/segments/0000000001.db")
      #expect(!bytes.contains(Array("secret".utf8)))
      test.close()
    }
    let test = try TestStore(configuration, in: directory)
    try Self.expectTrimmed(test)
    // A stream that has nothing left goes on behind its last number.
    #expect(test.append("app/a", .test("new"), number: 7)?.first == 7)
  }

  private static func expectTrimmed(_ test: TestStore) throws {
    var info = try #require(test.info("app/a"))
    var reading = try test.readAll("app/a")
    // Another trim may come in between.
    while let now = test.info("app/a"), now != info { (info, reading) = (now, try test.readAll("app/a")) }
    let gone = info.firstKept - 1
    #expect(gone >= 2 && reading.skips == [.init(from: 1, to: gone, reason: .trimmed)])
    #expect(reading.texts.count == Int(info.head - gone))
    #expect(try test.readAll("web").texts == (1...6).map(String.init))
    #expect(test.store.statistics.trimmedSegmentCount == 0)
  }

  @Test func `a rule may keep longer than the rest, whose segments go or are rewritten without it`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let rules = [
      RetentionRule(pattern: try StreamPattern("app/*"), ageMax: Self.hour * 2000),
      RetentionRule(pattern: try StreamPattern("size"), byteCountMax: 1 << 20),
    ]
    var configuration = Self.configuration(directory, clock, rules)
    configuration.retention.ageMax = Self.hour * 200
    configuration.segmentAgeMax = Self.hour * 24
    let secret = String(repeating: "secret ", count: 20_000)
    do {
      let test = try TestStore(configuration, in: directory)
      for number in 1...5 as ClosedRange<UInt64> {
        // The first segment has nothing that stays.
        if number == 2 || number == 4 {
          test.append("app/a", .test("kept \(number)"), producer: 3, number: number / 2)
        }
        for stream in ["web", "size"] {
          test.append(stream, .test(secret), producer: stream == "web" ? 1 : 2, number: number)
        }
        test.roll(clock)
      }
      clock.advance(Self.hour * 185)
      #expect(test.sink.waitForLine("trimmed: 1 segment below 2"))
      // Each stream is trimmed by itself: a segment may be rewritten twice.
      let areTrimmed = test.sink.monitor.wait(timeout: TestSink.patience) { _ in
        ["web", "size"].allSatisfy { test.info($0)?.firstKept == 5 } ? true : nil
      }
      #expect(areTrimmed == true)
      try Self.expectKeptLonger(test)
      for segment in 2...4 {
        let path = "data/segments/000000000\(segment).db"
        let isRewritten = test.sink.monitor.wait(timeout: TestSink.patience) { _ in
          directory.contents(path).contains(Array("secret".utf8)) ? nil : true
        }
        #expect(isRewritten == true, "\(path)")
      }
      test.close()
    }
    let elapsed = WatchedClock(clock)
    configuration.elapsed = { elapsed.read() }
    let test = try TestStore(configuration, in: directory)
    try Self.expectKeptLonger(test)
    // Days without a server may be doubted, for a day from the first look.
    elapsed.waitForLook()
    // When its own time has come, the segments have nothing left.
    clock.advance(Self.hour * 2000)
    #expect(
      test.sink.monitor.wait(timeout: TestSink.patience) { _ in
        test.store.statistics.segmentCount == 1 ? true : nil
      } == true)
    #expect(test.info("app/a")?.head == 2 && test.info("app/a")?.firstKept == 3)
  }

  private static func expectKeptLonger(_ test: TestStore) throws {
    #expect(try test.readAll("app/a").texts == ["kept 2", "kept 4"])
    for stream in ["web", "size"] {
      let reading = try test.readAll(stream)
      #expect(reading.skips == [.init(from: 1, to: 4, reason: .trimmed)] && reading.texts.count == 1, "\(stream)")
    }
  }

  @Test func `by size, the oldest rows of all streams of a pattern go first`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let limit = 40 << 10
    let rules = [
      RetentionRule(pattern: try StreamPattern("app/keep")),
      RetentionRule(pattern: try StreamPattern("app/*"), byteCountMax: limit),
    ]
    let configuration = Self.configuration(directory, clock, rules)
    let text = String(repeating: "x", count: 1_000)
    let streams = ["app/a", "app/b", "app/keep", "web"]
    do {
      let test = try TestStore(configuration, in: directory)
      for number in 1...60 as ClosedRange<UInt64> {
        for (producer, stream) in streams.enumerated() {
          test.append(stream, .test("\(number) \(text)"), producer: UInt64(producer), number: number)
        }
        if number % 25 == 0 { test.roll(clock) }
      }
      try Self.expectKept(test, limit)
      test.close()
    }
    let test = try TestStore(configuration, in: directory)
    try Self.expectKept(test, limit)
  }

  private static func expectKept(_ test: TestStore, _ limit: Int) throws {
    // Until it has been looked at after the last append.
    let isSettled = test.sink.monitor.wait(timeout: TestSink.patience) { _ in
      let infos = ["app/a", "app/b"].compactMap { test.info($0) }
      return infos.reduce(0) { $0 + $1.keptByteCount } <= UInt64(limit) ? true : nil
    }
    #expect(isSettled == true)
    let infos = try ["app/a", "app/b"].map { try #require(test.info($0)) }
    let kept = infos.reduce(0) { $0 + Int($1.keptByteCount) }
    // No more goes than has to, but for what spares the next look, and one row.
    #expect(kept <= limit && kept > limit - limit / 16 - 1_300, "\(kept)")
    // They were stored in turn, and go in turn.
    #expect(infos[0].firstKept == infos[1].firstKept || infos[0].firstKept == infos[1].firstKept + 1)
    for info in infos {
      let reading = try test.readAll(info.name.text)
      #expect(reading.skips == [.init(from: 1, to: info.firstKept - 1, reason: .trimmed)])
      #expect(reading.texts.count == Int(60 - info.firstKept + 1))
    }
    #expect(try test.readAll("app/keep").texts.count == 60)
    #expect(try test.readAll("web").texts.count == 60)
  }

  @Test func `a rule whose clock jumps to 2153 trims nothing`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let elapsed = WatchedClock()
    let rule = RetentionRule(pattern: .all, ageMax: Self.hour * 40)
    var configuration = Self.configuration(directory, clock, [rule])
    configuration.elapsed = { elapsed.read() }
    configuration.segmentByteCountMax = 1 << 20
    let test = try TestStore(configuration, in: directory)
    test.append("web", .test("a"), number: 1)
    elapsed.waitForLook()
    clock.advance(Self.hour * 24 * 365 * 127)
    #expect(test.sink.waitForLine("the system's clock has jumped forward"))
    test.append("web", .test("b"), number: 2)
    clock.advance(Self.hour * -24 * 365 * 127)
    #expect(test.sink.waitForLine("the system's clock is believed again"))
    #expect(try test.readAll("web") == .init(texts: ["a", "b"], skips: []))
  }

  @Test func `growth is measured over a day at most`() {
    var growth = GrowthRate()
    let second: Int64 = 1_000_000_000
    growth.note(1_000, elapsed: 5 * second)
    growth.note(2_000, elapsed: 64 * second)
    #expect(growth.bytesPerDay == nil && growth.days(for: 1) == nil)
    growth.note(2_000, elapsed: 105 * second)
    // 1,000 bytes in 100 s.
    #expect(growth.bytesPerDay == 864_000 && growth.days(for: 8_640_000) == 10 && growth.days(for: -1) == 0)
    // Two days later only the last one counts: a byte a second.
    var time: Int64 = 105
    for _ in 0..<(48 * 60) {
      time += 60
      growth.note(2_000 + Int(time) - 105, elapsed: time * second)
    }
    #expect(growth.bytesPerDay.map { abs($0 - 86_400) < 1 } == true)
    #expect(growth.days(for: .max) == nil)
  }
}
