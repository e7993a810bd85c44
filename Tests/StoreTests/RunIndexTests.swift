import Foundation
import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

/// The rows of a segment that is not sealed are found by a table that lags behind, and by looking through the rest.
@Suite struct RunIndexTests {
  private static func configuration(_ directory: TestDirectory, _ clock: TestClock? = nil, lag: Int)
    -> StoreConfiguration
  {
    var configuration = TestStore.configuration(directory, clock)
    configuration.tailCacheByteCountMax = 0
    configuration.indexLagCountMax = lag
    return configuration
  }

  private static func ask(_ directory: TestDirectory, _ sql: String, file: String = "0000000001.db") throws -> Int64 {
    try Database(directory.data + "/segments/" + file, mode: .readOnly, vfs: nil).integer(sql)
  }

  private static let hasFinalIndex = "SELECT count(*) FROM sqlite_master WHERE name = 'runs_by_stream'"
  private static let hasRunIndex = "SELECT count(*) FROM sqlite_master WHERE name = 'run_index'"

  /// The numbers in the batches of a range, in the order in which they come in steps of that many bytes.
  private static func numbers(
    _ test: TestStore, _ info: StreamInfo, _ range: ClosedRange<UInt64>, byteCountMax: Int, isReverse: Bool
  ) throws -> [UInt64] {
    var numbers: [UInt64] = []
    var request = ReadRequest(
      stream: info.id, from: range.lowerBound, to: range.upperBound, byteCountMax: byteCountMax, isReverse: isReverse)
    while request.from <= request.to {
      let result = try test.read(request).get()
      for piece in result.pieces {
        guard case .batches(let run) = piece else {
          throw StoreError(.damaged, "\(piece) in a whole store")
        }
        numbers += isReverse ? run.numbers.reversed() : Array(run.numbers)
      }
      if isReverse { request.to = result.next } else { request.from = result.next }
    }
    return numbers
  }

  /// Reads some ranges of all streams in every way, and looks for times.
  private static func check(_ test: TestStore, _ heads: [UInt64], _ hint: Comment) throws {
    for (stream, head) in heads.enumerated() where head > 0 {
      let info = try #require(test.info("s\(stream)"))
      #expect(info.head == head, hint)
      for range in [1...head, head...head, (head + 1) / 2...head, 1...(head + 1) / 2] {
        for byteCountMax in [1, 400, 1 << 20] {
          let forward = try numbers(test, info, range, byteCountMax: byteCountMax, isReverse: false)
          #expect(forward == Array(range), hint)
          let backward = try numbers(test, info, range, byteCountMax: byteCountMax, isReverse: true)
          #expect(backward == range.reversed(), hint)
        }
      }
      for number in [1, (head + 1) / 2, head] {
        #expect(test.findSequence("s\(stream)", atOrAfter: Int64(number)) == number, hint)
      }
      #expect(test.findSequence("s\(stream)", atOrAfter: Int64(head) + 1) == head + 1, hint)
    }
  }

  @Test(arguments: [1, 2, 3, 10, 1000])
  func `every row is found, wherever the table has come to`(lag: Int) throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var random = SeededGenerator(seed: UInt64(lag))
    var heads: [UInt64] = [0, 0, 0]
    let configuration = Self.configuration(directory, clock, lag: lag)
    do {
      let test = try TestStore(configuration)
      for step in 1...45 {
        let stream = random.below(heads.count)
        heads[stream] += 1
        let time = Int64(heads[stream])
        test.append("s\(stream)", .test(["\(time)"], times: [time]), number: heads[stream])
        if step % 9 == 0 { try Self.check(test, heads, "step \(step)") }
      }
      // Copied while it runs, as a crash leaves it.
      let copy = directory.copy()
      var copied = Self.configuration(copy, clock, lag: lag)
      copied.noticesCopies = false
      try Self.check(try TestStore(copied, in: copy), heads, "after a crash")
      test.close()
    }
    let indexed = try Self.ask(directory, "SELECT indexed_through FROM segment")
    #expect(try Self.ask(directory, "SELECT count(*) FROM run_index") == indexed)
    #expect(lag < 45 ? indexed > 44 - lag : indexed == 0)
    let test = try TestStore(configuration)
    try Self.check(test, heads, "after a stop")
    test.roll(clock)
    try Self.check(test, heads, "sealed")
  }

  @Test func `a sealed segment has the index of all rows in place of the table`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let test = try TestStore(Self.configuration(directory, clock, lag: 2))
    for number in 1...5 as ClosedRange<UInt64> { test.append("s0", .test("\(number)"), number: number) }
    #expect(try Self.ask(directory, Self.hasFinalIndex) == 0)
    #expect(try Self.ask(directory, Self.hasRunIndex) == 1)
    test.roll(clock)
    test.close()
    #expect(try Self.ask(directory, Self.hasFinalIndex) == 1)
    #expect(try Self.ask(directory, Self.hasRunIndex) == 0)
    let sealed = try Database(directory.data + "/segments/0000000001.db", mode: .readOnly, vfs: nil)
    #expect(try sealed.text("PRAGMA integrity_check") == "ok")
  }

  @Test func `reads find every row while the table is brought up to date`() throws {
    let directory = TestDirectory()
    let test = try TestStore(Self.configuration(directory, lag: 2), in: directory)
    test.append("s0", .test("1"), number: 1)
    let info = try #require(test.info("s0"))
    let reads = ReadChain(test.store, info)
    reads.start()
    for number in 2...2_000 as ClosedRange<UInt64> {
      try #require(test.append("s0", .test("\(number)"), number: number)?.first == number)
    }
    let (count, problem) = reads.stop()
    #expect(problem == nil)
    #expect(count > 0)
    #expect(test.sink.monitor.withLock { $0.error } == nil)
  }

  /// Reads the last rows of a stream again and again, up and down.
  private final class ReadChain: Sendable {
    private struct State {
      var count = 0
      var problem: String?
      var isStopping = false
      var isStopped = false
    }

    private let store: Store
    private let stream: StreamInfo
    private let state = Monitor(State())

    init(_ store: Store, _ stream: StreamInfo) { (self.store, self.stream) = (store, stream) }

    func start() {
      let head = store.stream(named: stream.name)?.head ?? 0
      let from = head > 5 ? head - 5 : 1
      let isReverse = state.withLock { $0.count % 2 == 1 }
      let request = ReadRequest(stream: stream.id, from: from, to: head, isReverse: isReverse)
      store.read([request]) { results in
        let isLast = self.state.withLock { state in
          state.count += 1
          switch results[0] {
          case .failure(let error): state.problem = error.description
          case .success(let read):
            for case .skip(let numbers, _) in read.pieces { state.problem = "no \(numbers)" }
            if read.next != (isReverse ? from - 1 : head + 1) {
              state.problem = "\(from) to \(head) end at \(read.next)"
            }
          }
          state.isStopped = state.isStopping || state.problem != nil
          return state.isStopped
        }
        if isLast { self.state.signal() } else { self.start() }
      }
    }

    func stop() -> (count: Int, problem: String?) {
      state.withLock { $0.isStopping = true }
      return state.wait(timeout: TestSink.patience) { $0.isStopped ? ($0.count, $0.problem) : nil } ?? (0, "no answer")
    }
  }

  @Test(arguments: [
    "UPDATE segment SET indexed_through = 6", "UPDATE segment SET indexed_through = -1",
    "UPDATE segment SET indexed_through = 2", "DELETE FROM run_index WHERE first_seq = 1",
  ])
  func `a table that lacks rows it should have is damage`(change: String) throws {
    let directory = TestDirectory()
    let configuration = Self.configuration(directory, lag: 2)
    do {
      let test = try TestStore(configuration)
      for number in 1...5 as ClosedRange<UInt64> { test.append("s0", .test("\(number)"), number: number) }
      test.close()
    }
    try PartialDamageTests.change(directory, change)
    let error = #expect(throws: StoreError.self) { try TestStore(configuration) }
    #expect(error?.code == .damaged)
  }

  @Test func `a table that names another row stops the store when the row is read`() throws {
    let directory = TestDirectory()
    let configuration = Self.configuration(directory, lag: 2)
    do {
      let test = try TestStore(configuration)
      for number in 1...5 as ClosedRange<UInt64> { test.append("s0", .test("\(number)"), number: number) }
      test.close()
    }
    try PartialDamageTests.change(directory, "UPDATE run_index SET run = 1 WHERE first_seq = 2")
    let test = try TestStore(configuration)
    let info = try #require(test.info("s0"))
    #expect(throws: StoreError.self) { try test.read(ReadRequest(stream: info.id, from: 2, to: 2)).get() }
    #expect(test.sink.waitForFailure()?.code == .damaged)
  }

  @Test func `a segment of format 1, which has its index from the start, goes on and is sealed`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let configuration = Self.configuration(directory, clock, lag: 2)
    func append(_ numbers: ClosedRange<UInt64>, to test: TestStore) {
      for number in numbers {
        test.append("s0", .test(["\(number)"], times: [Int64(number)]), number: number)
      }
    }
    do {
      let test = try TestStore(configuration)
      append(1...5, to: test)
      test.close()
    }
    try PartialDamageTests.change(
      directory,
      """
      CREATE UNIQUE INDEX runs_by_stream ON runs(stream, first_seq); DROP TABLE run_index;
      ALTER TABLE segment DROP COLUMN indexed_through; PRAGMA user_version = 1
      """)
    let test = try TestStore(configuration)
    append(6...10, to: test)
    try Self.check(test, [10], "active")
    test.roll(clock)
    append(11...15, to: test)
    try Self.check(test, [15], "sealed")
    test.close()
    #expect(try Self.ask(directory, "PRAGMA user_version") == 1)
    #expect(try Self.ask(directory, Self.hasRunIndex, file: "0000000002.db") == 1)
  }

  @Test func `rows that contradict each other do not keep their segment from being sealed`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    var configuration = Self.configuration(directory, clock, lag: 3)
    configuration.upkeepRetryInterval = .seconds(3600)
    do {
      let test = try TestStore(configuration)
      for number in 1...5 as ClosedRange<UInt64> { test.append("s0", .test("\(number)"), number: number) }
      let outsider = try Database(directory.data + "/segments/0000000001.db", mode: .readOnly, vfs: nil)
      try outsider.execute("BEGIN; SELECT count(*) FROM runs")
      // Before the index is made: the seal waits for the outsider only afterwards.
      try PartialDamageTests.change(directory, "UPDATE runs SET first_seq = 4 WHERE id = 5")
      test.roll(clock, waitForSeal: false)
      #expect(test.sink.waitForLine("segment 1 cannot be sealed"))
      test.close()
      try outsider.execute("COMMIT")
    }
    let test = try TestStore(configuration)
    #expect(test.sink.waitForLine("segment 1 is sealed"))
    #expect(try Self.ask(directory, Self.hasFinalIndex) == 0)
    let info = try #require(test.info("s0"))
    let found = try test.read(ReadRequest(stream: info.id, from: 1, to: 3)).get()
    #expect(found.next == 4)
    #expect(found.pieces.count == 1)
    #expect(test.append("s0", .test("6"), number: 6)?.first == 6)
  }
}
