import LogsWire
import Testing

@testable import LogsStore

/// Rows that SQLite can read but that are impossible: damage like any other.
@Suite struct WrongNumbersTests {
  @Test(
    arguments: [
      "first_seq = -1", "first_seq = 0", "span = 0", "span = -1", "span = 9223372036854775807", "span = 1000",
      "first_seq = 9223372036854775807", "first_seq = 4", "span = 3",
    ])
  func `impossible numbers in a sealed segment cost at most their run`(change: String) throws {
    for row in 1...3 {
      let directory = TestDirectory()
      let clock = TestClock()
      try DamageTests.makeTwoSegments(directory, clock)
      try PartialDamageTests.change(directory, "UPDATE OR REPLACE runs SET \(change) WHERE id = \(row)")
      let test = try TestStore(directory, clock)
      // Rows 1 to 3 hold the numbers 1 and 2, 3 and 4, and 5.
      let own: ClosedRange<UInt64> = [1...2, 3...4, 5...5][row - 1]
      // `first_seq = 4` puts a row in place of another.
      let spared = (1...6).filter { !own.contains($0) && change != "first_seq = 4" || $0 == 6 }
      for isReverse in [false, true] {
        let covered = try Self.covered(test, isReverse: isReverse)
        #expect(covered.isSuperset(of: spared), "\(change) in row \(row)")
      }
      _ = test.findSequence("web", atOrAfter: 0)
      #expect(test.append("web", .test("7"), number: 5)?.first == 7)
      #expect(test.append("web", .test("8"), producer: 9, number: 1)?.first == 8)
    }
  }

  /// The numbers that come in batches.
  private static func covered(_ test: TestStore, isReverse: Bool) throws -> Set<UInt64> {
    let info = try #require(test.info("web"))
    var covered: Set<UInt64> = []
    var request = ReadRequest(stream: info.id, from: 1, to: info.head, byteCountMax: 1, isReverse: isReverse)
    while request.from <= request.to {
      let result = try test.read(request).get()
      for case .batches(let run) in result.pieces { covered.formUnion(run.numbers) }
      let isProgress = isReverse ? result.next < request.to : result.next > request.from
      try #require(isProgress)
      if isReverse { request.to = result.next } else { request.from = result.next }
    }
    return covered
  }

  @Test(arguments: ["number = -1", "number = 0", "first_seq = -1", "count = -1", "count = 0"])
  func `an impossible mark is ignored`(change: String) throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = TestStore.configuration(directory, clock)
    configuration.markForwardCountMax = 0
    do {
      let test = try TestStore(configuration)
      test.append("web", .test("1"), number: 1)
      test.roll(clock)
      test.append("web", .test("2"), producer: 2, number: 1)
      test.close()
    }
    try PartialDamageTests.change(directory, "UPDATE marks SET \(change)")
    let test = try TestStore(configuration)
    #expect(test.append("web", .test("3"), number: 1)?.first == 3)
    #expect(try test.readAll("web").texts == ["1", "2", "3"])
  }

  @Test func `the background check goes on after an impossible row`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    try DamageTests.makeTwoSegments(directory, clock)
    try PartialDamageTests.change(directory, "UPDATE runs SET first_seq = -1 WHERE id = 2")
    try PartialDamageTests.change(directory, "UPDATE runs SET batches = x'00' WHERE id = 3")
    try DamageTests.markOpen(directory)
    let test = try TestStore(directory, clock)
    #expect(test.sink.waitForLine("all 2 segments have been checked"))
    #expect(test.sink.waitForLine("row 2 of runs"))
    #expect(test.sink.waitForLine("numbers 5 to 5 of the stream 'web' do not pass their check"))
  }

  @Test(
    arguments: [
      "runs SET span = -1", "runs SET span = 0", "runs SET first_seq = -1", "runs SET count = -1",
      "runs SET id = 9223372036854775807", "streams SET next = 0", "streams SET next = -9223372036854775808",
      "streams SET entries = -1", "streams SET bytes = -1", "streams SET id = 9223372036854775807",
      "segment SET trimmed_below = 9223372036854775807", "segment SET trimmed_below = 0",
    ])
  func `impossible numbers in the active segment prevent the start`(change: String) throws {
    let directory = TestDirectory()
    do {
      let test = try TestStore(directory)
      test.append("web", .test("1"), number: 1)
      test.close()
    }
    try PartialDamageTests.change(directory, "UPDATE \(change)")
    let error = #expect(throws: StoreError.self) { try TestStore(directory) }
    #expect(error?.code == .damaged)
    #expect(error?.message.contains("0000000001.db") == true)
  }

  @Test(arguments: [Int64.min, Int64.max])
  func `a segment with an impossible creation time does no harm`(created: Int64) throws {
    let directory = TestDirectory()
    do {
      let test = try TestStore(directory)
      test.append("web", .test("1"), number: 1)
      test.close()
    }
    try PartialDamageTests.change(directory, "UPDATE segment SET created = \(created)")
    let test = try TestStore(directory)
    #expect(test.append("web", .test("2"), number: 2)?.first == 2)
    #expect(test.append("web", .test("3"), number: 3)?.first == 3)
  }
}
