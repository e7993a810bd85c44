import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// What a store takes over while it is open.
@Suite struct StoreApplyTests {
  @Test func `another age, size or silence ends the segment that is written`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = TestStore.configuration(directory, clock)
    let test = try TestStore(configuration, in: directory)
    test.append("web", .test("1"), number: 1)
    clock.advance(.seconds(7200))
    configuration.segmentAgeMax = .seconds(3600)
    test.store.apply(configuration)
    #expect(test.sink.waitForLine("segment 2 is active"))

    configuration.segmentAgeMax = .seconds(1_000_000)
    test.store.apply(configuration)
    test.append("web", .test(String(repeating: "x", count: 100_000)), number: 2)
    clock.advance(.seconds(7200))
    configuration.segmentByteCountMax = 10_000
    test.store.apply(configuration)
    #expect(test.sink.waitForLine("segment 3 is active"))
    #expect(try test.readAll("web").texts.count == 2)
  }

  @Test func `other retention counts from then on, also where there was none`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = TestStore.configuration(directory, clock)
    configuration.retentionInterval = .milliseconds(2)
    configuration.elapsed = { clock.now }
    let test = try TestStore(configuration, in: directory)
    for _ in 0..<3 { test.roll(clock) }
    #expect(test.store.statistics.trimmedSegmentCount == 0)
    configuration.retention.ageMax = .seconds(40 * 3600)
    test.store.apply(configuration)
    #expect(test.sink.waitForLine("trimmed: 1 segment below 2"))

    // With none nothing goes any more.
    configuration.retention.ageMax = nil
    test.store.apply(configuration)
    for _ in 0..<3 { test.roll(clock) }
    #expect(test.store.statistics.trimmedSegmentCount == 1)
    configuration.retention.rules = [RetentionRule(pattern: try StreamPattern("tick"), ageMax: .seconds(60))]
    test.store.apply(configuration)
    #expect(test.sink.waitForLine("trimmed: 1 stream of tick"))
    configuration.retention.rules = []
    configuration.retention.diskFreeMin = .bytes(1 << 60)
    test.store.apply(configuration)
    #expect(test.sink.waitForLine("appends are refused: less is free"))
    #expect(test.append("web", .test("1"), number: 1)?.refusal?.code == .diskFull)
    configuration.retention.diskFreeMin = .bytes(0)
    test.store.apply(configuration)
    #expect(test.append("web", .test("1"), number: 1)?.first == 1)
  }

  @Test func `other numbers of streams count from then on`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    configuration.streamCountMax = 1
    let test = try TestStore(configuration, in: directory)
    test.append("a", .test("1"), number: 1)
    #expect(test.append("b", .test("1"), number: 1)?.refusal?.code == .tooManyStreams)
    configuration.streamCountMax = 2
    test.store.apply(configuration)
    #expect(test.append("b", .test("1"), number: 1)?.first == 1)
    configuration.streamCountMax = 1
    test.store.apply(configuration)
    #expect(test.append("c", .test("1"), number: 1)?.refusal?.code == .tooManyStreams)
    #expect(test.append("b", .test("2"), number: 2)?.first == 2)
  }
}
