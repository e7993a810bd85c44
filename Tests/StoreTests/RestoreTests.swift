import LogsWire
import Testing

@testable import LogsStore

/// P1: a number never names two entries of one incarnation.
@Suite struct RestoreTests {
  @Test func `a restored directory has new incarnations and its old batches pass the check under them`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let old: Incarnation?
    do {
      let test = try TestStore(directory, clock)
      test.append("web", .test(["1", "2"]), number: 1)
      test.roll(clock)
      test.append("web", .test("3"), number: 2)
      old = test.info("web")?.incarnation
      test.close()
    }
    let copy = directory.copy()
    let new: Incarnation?
    do {
      let test = try TestStore(copy, clock)
      new = test.info("web")?.incarnation
      #expect(new != old)
      #expect(try test.readAll("web").texts == ["1", "2", "3"])
      let again = test.append("web", .test("3"), number: 2)
      #expect(again == .stored(incarnation: try #require(new), first: 3, count: 1, isDuplicate: true))
      test.append("web", .test("4"), number: 3)
      test.roll(clock)
      test.append("web", .test("5"), number: 4)
      #expect(try test.readAll("web").texts == ["1", "2", "3", "4", "5"])
      test.close()
    }
    // The same directory again is not a copy.
    let test = try TestStore(copy, clock)
    #expect(test.info("web")?.incarnation == new)
    #expect(try test.readAll("web").texts == ["1", "2", "3", "4", "5"])
    test.close()
    // And the first one is still itself.
    #expect(try TestStore(directory, clock).info("web")?.incarnation == old)
  }

  @Test func `where files do not keep their identity, copies can be taken for the same directory`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    configuration.noticesCopies = false
    do {
      let test = try TestStore(configuration)
      test.append("web", .test("1"), number: 1)
      test.close()
    }
    let incarnation = try TestStore(configuration).info("web")?.incarnation
    let copy = directory.copy()
    configuration.directory = copy.data
    #expect(try TestStore(configuration).info("web")?.incarnation == incarnation)
  }

  @Test func `a copy of a copy reads everything`() throws {
    var directory = TestDirectory()
    let clock = TestClock()
    var texts: [String] = []
    var incarnations: Set<Incarnation> = []
    for generation in 1...4 as ClosedRange<UInt64> {
      let test = try TestStore(directory, clock)
      test.append("web", .test("\(generation)"), number: generation)
      texts.append("\(generation)")
      if generation == 2 { test.roll(clock) }
      #expect(try test.readAll("web").texts == texts)
      incarnations.insert(try #require(test.info("web")).incarnation)
      test.close()
      directory = directory.copy()
    }
    #expect(incarnations.count == 4)
  }
}
