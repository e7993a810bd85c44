import Testing

@testable import LogsStore

@Suite struct SlowSyncsTests {
  private static let second: Int64 = 1_000_000_000

  @Test func `the first slow commit is reported, and those after it once a minute`() {
    var syncs = SlowSyncs(timeMin: .seconds(1))
    let second = Self.second
    var (told, summary) = (syncs.note(second - 1, now: 0), syncs.summary(now: 0))
    #expect(told == nil && summary == nil)
    let line = syncs.note(3 * second / 2, now: second)
    #expect(line?.level == .warn && line?.text.contains("waited 1.5 s") == true)
    let others = [second, 9 * second, second - 1].compactMap { syncs.note($0, now: 2 * second) }
    #expect(others.isEmpty)
    summary = syncs.summary(now: 60 * second)
    #expect(summary == nil)
    summary = syncs.summary(now: 61 * second)
    #expect(
      summary
        == .warn("2 more commits waited 1.0 s or longer for the disk (fsync), at most 9.0 s"))
    // A quiet minute ends it.
    (told, summary) = (syncs.note(second, now: 62 * second), syncs.summary(now: 121 * second))
    #expect(told == nil && summary?.text.hasPrefix("1 more") == true)
    (summary, told) = (syncs.summary(now: 181 * second), syncs.note(second, now: 182 * second))
    #expect(summary == nil && told != nil)
  }

  @Test func `a store tells of its slow commits once, however many there are`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    configuration.slowSyncTimeMin = .zero
    let test = try TestStore(configuration, in: directory)
    for number: UInt64 in 1...20 { test.append("web", .test("x"), number: number) }
    #expect(test.sink.lines.count { $0.contains("for the disk (fsync)") } == 1)
  }
}
