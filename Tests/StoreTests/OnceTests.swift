import LogsDisk
import LogsWire
import Testing

@testable import LogsStore

/// P4: a resent batch is stored once.
@Suite struct OnceTests {
  @Test func `a batch sent again is acknowledged with its first numbers and not stored again`() throws {
    let directory = TestDirectory()
    let test = try TestStore(directory)
    #expect(test.append("web", .test(["a", "b"]), number: 1)?.first == 1)
    #expect(test.append("web", .test(["c"]), number: 2)?.first == 3)
    let again = test.append("web", .test(["a", "b"]), number: 1)
    #expect(again?.first == 1)
    #expect(again?.isDuplicate == true)
    #expect(try test.readAll("web").texts == ["a", "b", "c"])
  }

  @Test func `a batch sent twice in one group is stored once`() throws {
    let directory = TestDirectory()
    let test = try TestStore(directory)
    let requests = (0..<3).map { _ in test.submit("web", .batch(.test("a")), number: 1) }
    #expect(requests.map { test.sink.outcome($0)?.first } == [1, 1, 1])
    #expect(requests.map { test.sink.outcome($0)?.isDuplicate } == [false, true, true])
    #expect(try test.readAll("web").texts == ["a"])
  }

  @Test func `a batch sent again after a restart is not stored again`() throws {
    let directory = TestDirectory()
    do {
      let test = try TestStore(directory)
      for number in 1...40 as ClosedRange<UInt64> { test.append("web", .test("\(number)"), number: number) }
      test.close()
    }
    let test = try TestStore(directory)
    for number in 9...40 as ClosedRange<UInt64> {
      let outcome = test.append("web", .test("\(number)"), number: number)
      #expect(outcome?.first == number)
      #expect(outcome?.isDuplicate == true)
    }
    #expect(test.append("web", .test("8"), number: 8)?.refusal?.code == .producerConflict)
    #expect(test.append("web", .test("41"), number: 41)?.first == 41)
    #expect(test.info("web")?.head == 41)
  }

  @Test func `requests that wait for their mark keep their order`() throws {
    let directory = TestDirectory()
    do {
      let test = try TestStore(directory)
      test.append("web", .test("1"), number: 1)
      test.close()
    }
    let test = try TestStore(directory)
    let requests = (1...50 as ClosedRange<UInt64>).map { test.submit("web", .batch(.test("\($0)")), number: $0) }
    #expect(requests.map { test.sink.outcome($0)?.first } == (1...50).map { UInt64($0) })
    #expect(test.sink.outcome(requests[0])?.isDuplicate == true)
    #expect(test.sink.outcome(requests[1])?.isDuplicate == false)
  }

  @Test func `a mark is found in older segments, even after a restart`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = TestStore.configuration(directory, clock)
    // Nothing is copied forward: the marks stay where they were written.
    configuration.markForwardCountMax = 0
    do {
      let test = try TestStore(configuration)
      for number in 1...3 as ClosedRange<UInt64> {
        test.append("web", .test("\(number)"), producer: 7, number: number)
      }
      test.roll(clock)
      test.append("web", .test("other"), producer: 8, number: 1)
      test.roll(clock)
      test.close()
    }
    let test = try TestStore(configuration)
    #expect(test.append("web", .test("2"), producer: 7, number: 2)?.first == 2)
    #expect(test.append("web", .test("4"), producer: 7, number: 4)?.first == 5)
    test.close()
    // The first batch in a segment brings the whole mark with it.
    let again = try TestStore(configuration)
    #expect(again.append("web", .test("1"), producer: 7, number: 1)?.isDuplicate == true)
    #expect(again.append("web", .test("5"), producer: 7, number: 5)?.first == 6)
    #expect(again.append("web", .test("other"), producer: 8, number: 1)?.first == 4)
  }

  @Test func `marks are copied forward at a roll`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try TestStore(directory, clock)
    test.append("web", .test("1"), producer: 7, number: 1)
    test.roll(clock)
    test.close()
    let database = try Database(directory.data + "/segments/0000000002.db", mode: .readOnly, vfs: nil)
    #expect(try database.integer("SELECT count(*) FROM marks WHERE first_seq = 1 AND number = 1") == 2)
  }

  @Test func `marks dropped from memory are read again`() throws {
    let directory = TestDirectory()
    var configuration = TestStore.configuration(directory)
    configuration.markCountMax = 4
    let test = try TestStore(configuration)
    for producer in 1...20 as ClosedRange<UInt64> {
      test.append("web", .test("\(producer)"), producer: producer, number: 1)
    }
    for producer in 1...20 as ClosedRange<UInt64> {
      let again = test.append("web", .test("\(producer)"), producer: producer, number: 1)
      #expect(again?.isDuplicate == true)
      #expect(again?.first == producer)
    }
  }

  @Test func `another batch under a stored number is a conflict, never acknowledged`() throws {
    let test = try TestStore(TestDirectory())
    test.append("web", .test("a"), number: 1)
    #expect(test.append("web", .test("b"), number: 1)?.refusal?.code == .producerConflict)
    let refused = test.submit("web", .refused(Refusal(.badBatch, "bad")), number: 1)
    #expect(test.sink.outcome(refused)?.refusal?.code == .producerConflict)
    #expect(try test.readAll("web").texts == ["a"])
  }
}
