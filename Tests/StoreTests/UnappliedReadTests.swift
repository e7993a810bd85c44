import CFaultVFS
import CSQLite
import LogsDisk
import LogsSystem
import LogsWire
import Synchronization
import Testing

@testable import LogsSimulation
@testable import LogsStore

/// Reads while a full disk keeps what was acknowledged last out of the newest segment: it is in the journal, and in the
/// server's memory.
@Suite struct UnappliedReadTests {
  /// Without a tail cache: what is not in the segment can only come from what waits for it.
  private static func configuration(_ directory: TestDirectory, _ disk: FaultDisk) -> StoreConfiguration {
    var configuration = disk.configuration(directory)
    configuration.journalByteCount = 1 << 20
    configuration.tailCacheByteCountMax = 0
    configuration.readTimeMax = .seconds(3600)
    configuration.noticesCopies = false
    return configuration
  }

  private static let full = FaultDisk.Fault(operation: FAULT_WRITE, suffix: "-wal", code: SQLITE_FULL)
  private static let isStuck = "is in the journal and cannot be put into its segment for now"
  private static let isApplied = "what was acknowledged last is in its segment now"

  /// Holds up writes to a file: to the WAL those of the applier.
  private final class Gate: Sendable {
    private let state = Monitor((isReached: false, isOpen: false))

    init(_ disk: FaultDisk, suffix: String = "-wal") {
      disk.hooks.withLock { hooks in
        let before = hooks.onWrite
        hooks.onWrite = { [weak self] file in
          before?(file)
          if file.hasSuffix(suffix) { self?.pass() }
        }
      }
    }

    private func pass() {
      state.withLock { $0.isReached = true }
      state.signal()
      // A test that fails ends.
      _ = state.wait(timeout: TestSink.patience) { $0.isOpen ? true : nil }
    }

    func waitForArrival() -> Bool { state.wait(timeout: TestSink.patience) { $0.isReached ? true : nil } ?? false }

    func open() {
      state.withLock { $0.isOpen = true }
      state.signal()
    }
  }

  private static func text(_ stream: String, _ number: UInt64) -> String { "\(stream) \(number)" }

  /// Appends the two entries of a batch: entry n of a stream has the text `text(stream, n)` and the time 10 n.
  private static func append(_ test: TestStore, _ stream: String, batch: UInt64) -> WriteOutcome? {
    let numbers = [batch * 2 - 1, batch * 2]
    let texts = numbers.map { text(stream, $0) }
    return test.append(stream, .test(texts, times: numbers.map { Int64($0) * 10 }), number: batch)
  }

  /// A store that has `web` and `db` in the segment up to 20, and up to 40 only in the journal, as `new` from 1 to 20.
  private static func stuck(_ directory: TestDirectory, _ disk: FaultDisk) throws -> TestStore {
    let test = try TestStore(configuration(directory, disk), in: directory, commitsHere: true)
    for batch in 1...10 as ClosedRange<UInt64> {
      for stream in ["web", "db"] { #expect(append(test, stream, batch: batch)?.first == batch * 2 - 1) }
    }
    #expect(try test.readAll("web").texts.count == 20)
    #expect((try? test.delete("web", 3...5).get()) != nil)
    let gate = Gate(disk)
    disk.inject(full)
    for batch in 11...20 as ClosedRange<UInt64> {
      for stream in ["web", "db"] { #expect(append(test, stream, batch: batch)?.first == batch * 2 - 1) }
      #expect(append(test, "new", batch: batch - 10)?.first == batch * 2 - 21)
    }
    gate.open()
    #expect(test.sink.waitForLine(isStuck))
    disk.hooks.withLock { $0.onWrite = nil }
    return test
  }

  private static let streams = ["web", "db", "new"]

  /// What a store answers to reads of every kind.
  private struct Answers: Equatable {
    var texts: [[String]] = []
    var results: [ReadResult] = []
    var times: [UInt64?] = []

    private static let ranges: [ClosedRange<UInt64>] = [
      1...40, 5...7, 19...20, 20...21, 21...22, 22...40, 39...40, 40...40, 41...50,
    ]

    init(_ test: TestStore) throws {
      let filters = [
        nil, SharedFilter(.all), SharedFilter(try Filter("5")), SharedFilter(try Filter("time>=1970-01-01T00:00:00Z")),
      ]
      for stream in UnappliedReadTests.streams {
        let info = try #require(test.info(stream))
        for byteCountMax in [1, 300, 1 << 20] {
          texts.append(try test.readAll(stream, byteCountMax: byteCountMax).texts)
        }
        for numbers in Self.ranges {
          for filter in filters {
            var request = ReadRequest(stream: info.id, from: numbers.lowerBound, to: numbers.upperBound, filter: filter)
            for isReverse in [false, true] {
              request.isReverse = isReverse
              for byteCountMax in [1, 300, 1 << 20] {
                request.byteCountMax = byteCountMax
                results.append(try test.read(request).get())
              }
              request.countMax = 3
              results.append(try test.read(request).get())
              request.countMax = nil
            }
            guard filter != nil else { continue }
            request.isReverse = false
            request.tally = .count
            results.append(try test.read(request).get())
          }
        }
        for time in stride(from: -5, through: 415, by: 5) as StrideThrough<Int64> {
          times.append(test.findSequence(stream, atOrAfter: time))
          times.append(test.findSequence(stream, atOrBefore: time))
          times.append(test.findSequence(stream, atOrBefore: time, in: 7...23))
        }
      }
    }
  }

  @Test func `reads of every kind give what a full disk keeps out of the segment`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let test = try Self.stuck(directory, disk)
    #expect(Self.append(test, "web", batch: 21)?.refusal?.code == .diskFull)
    #expect(test.store.statistics.unappliedByteCount > 0)
    let found = try Answers(test)
    for (index, stream) in Self.streams.enumerated() {
      let head: UInt64 = stream == "new" ? 20 : 40
      let numbers = (1...head).filter { stream != "web" || !(3...5).contains($0) }
      #expect(found.texts[index * 3] == numbers.map { Self.text(stream, $0) })
      #expect(test.info(stream)?.head == head)
      #expect(test.findSequence(stream, atOrAfter: Int64(head) * 10 - 1) == head)
      #expect(test.findSequence(stream, atOrAfter: Int64(head) * 10 + 1) == head + 1)
      #expect(test.findSequence(stream, atOrBefore: Int64(head) * 10 - 1) == head - 1)
    }
    #expect(test.store.statistics.unappliedByteCount > 0)
    #expect(!test.sink.lines.contains { $0.contains(Self.isApplied) })
    disk.heal()
    #expect(test.sink.waitForLine(Self.isApplied))
    #expect(test.store.statistics.unappliedByteCount == 0)
    // In the segment the rows are others, and the answers the same.
    #expect(try Answers(test) == found)
    #expect(Self.append(test, "web", batch: 21)?.first == 41)
    #expect(try test.readAll("web", from: 39).texts == (39...42).map { Self.text("web", $0) })
    test.close()
    #expect(test.sink.monitor.withLock { $0.error } == nil)
  }

  @Test func `a read gives it while the applier tries again, and when that has succeeded in between`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let test = try Self.stuck(directory, disk)
    let expected = (21...40).map { Self.text("db", $0) }
    let gate = Gate(disk)
    disk.heal()
    // It tries once a second.
    #expect(gate.waitForArrival())
    #expect(try test.readAll("db", from: 21).texts == expected)
    gate.open()
    #expect(test.sink.waitForLine(Self.isApplied))
    #expect(try test.readAll("db", from: 21).texts == expected)
  }

  @Test func `a read gives what was on its way into the journal when the disk became full`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let test = try TestStore(Self.configuration(directory, disk), in: directory, commitsHere: true)
    #expect(Self.append(test, "web", batch: 1)?.first == 1)
    #expect(try test.readAll("web").texts.count == 2)
    let applying = Gate(disk)
    disk.inject(Self.full)
    #expect(Self.append(test, "web", batch: 2)?.first == 3)
    #expect(applying.waitForArrival())
    let writing = Gate(disk, suffix: "/journal")
    let append = Thread("append") { #expect(Self.append(test, "web", batch: 3)?.first == 5) }
    #expect(writing.waitForArrival())
    applying.open()
    #expect(test.sink.waitForLine(Self.isStuck))
    writing.open()
    append.join()
    #expect(try test.readAll("web").texts == (1...6).map { Self.text("web", $0) })
    #expect(Self.append(test, "web", batch: 4)?.refusal?.code == .diskFull)
    disk.heal()
    #expect(test.sink.waitForLine(Self.isApplied))
    #expect(try test.readAll("web").texts == (1...6).map { Self.text("web", $0) })
  }

  @Test func `rows that a snapshot has as well are found once`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let test = try Self.stuck(directory, disk)
    let stream = try #require(test.info("db")).id
    disk.heal()
    #expect(test.sink.waitForLine(Self.isApplied))
    let path = directory.data + "/segments/0000000001.db"
    let connection = try ReaderConnection(Segment(number: 1, path: path, state: .active), vfs: nil)
    // As the applier had them: one for each batch, which became one row.
    connection.unapplied = UnappliedRows(
      (11...20 as ClosedRange<UInt64>).map { batch in
        var group = GroupRows()
        group.rows = [
          SegmentRow(
            stream: stream, numbers: batch * 2 - 1...batch * 2, entryCount: 2, minTime: Int64(batch) * 20 - 10,
            maxTime: Int64(batch) * 20, severities: 1, received: 1, rawLength: 1, producers: "p", batches: "b")
        ]
        return group
      })
    let budget = ReaderConnection.Budget(byteCount: 1 << 20, time: .seconds(3600))
    for lower in 1...40 as ClosedRange<UInt64> {
      for upper in lower...40 {
        let up = try connection.runs(of: stream, upFrom: lower...upper, budget)
        let down = try connection.runs(of: stream, downFrom: lower...upper, budget)
        let ascending = up.runs.map(\.numbers)
        let descending = Array(down.runs.map(\.numbers).reversed())
        for numbers in [ascending, descending] {
          let first = try #require(numbers.first), last = try #require(numbers.last)
          #expect(first.contains(lower) && last.contains(upper), "\(lower) to \(upper): \(numbers)")
          #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0.upperBound + 1 == $1.lowerBound }, "\(numbers)")
        }
        #expect(up.isEnd && down.isEnd)
      }
      let from = try connection.times(of: stream, from: lower, limit: 100, .seconds(3600))
      let downFrom = try connection.times(of: stream, downFrom: lower, limit: 100, .seconds(3600))
      #expect(from.isEnd && downFrom.isEnd)
      #expect(from.rows.allSatisfy { $0.numbers.lowerBound >= lower })
      #expect(Array(from.rows.flatMap(\.numbers)) == Array((from.rows.first?.numbers.lowerBound ?? 41)..<41))
      #expect(downFrom.rows.first?.numbers.contains(lower) == true)
      #expect(Set(downFrom.rows.flatMap(\.numbers)).isSuperset(of: 1...lower))
      #expect(try connection.firstOfRun(of: stream, covering: lower).map { $0 <= lower } == true)
    }
    #expect(try connection.firstOfRun(of: stream, behind: 39) == nil)
  }

  @Test func `a resent batch is known, and another one is refused for the full disk`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    do {
      let test = try TestStore(Self.configuration(directory, disk), in: directory)
      for number in 1...3 as ClosedRange<UInt64> {
        test.append("web", .test("\(number)"), producer: 7, number: number)
      }
      test.close()
    }
    // What it knows of the producer is in the segment's table only.
    let test = try TestStore(Self.configuration(directory, disk), in: directory, commitsHere: true)
    disk.inject(Self.full)
    #expect(test.append("web", .test("4"), number: 1)?.first == 4)
    #expect(test.sink.waitForLine(Self.isStuck))
    #expect(test.append("web", .test("3"), producer: 7, number: 3)?.isDuplicate == true)
    #expect(test.append("web", .test("4"), number: 1)?.isDuplicate == true)
    #expect(test.append("web", .test("5"), producer: 8, number: 1)?.refusal?.code == .diskFull)
    #expect(test.append("web", .test("5"), producer: 7, number: 4)?.refusal?.code == .diskFull)
    disk.heal()
    #expect(test.append("web", .test("5"), producer: 7, number: 4)?.first == 5)
    #expect(try test.readAll("web").texts == ["1", "2", "3", "4", "5"])
  }

  @Test func `no read of any moment misses anything while the disk fills and empties`() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededGenerator(seed: seed)
    let directory = TestDirectory()
    let disk = FaultDisk()
    var configuration = Self.configuration(directory, disk)
    configuration.readerThreadCount = 2
    let test = try TestStore(configuration, in: directory, commitsHere: true)
    var batches: [UInt64] = [1, 1]
    for stream in batches.indices { #expect(Self.append(test, "s\(stream)", batch: 1)?.first == 1) }
    let problems = Mutex<[String]>([])
    let isDone = Atomic(false)
    let threads = (0..<2).map { index in
      let readerSeed = seed &+ UInt64(index) + 1
      return Thread("reader") {
        var random = SeededGenerator(seed: readerSeed)
        while !isDone.load(ordering: .acquiring) {
          guard let problem = Self.problem(test, "s\(random.below(2))", &random) else { continue }
          return problems.withLock { $0.append(problem) }
        }
      }
    }
    func append() -> WriteOutcome? {
      let stream = random.below(2)
      let outcome = Self.append(test, "s\(stream)", batch: batches[stream] + 1)
      if outcome?.first == batches[stream] * 2 + 1 {
        batches[stream] += 1
      } else {
        #expect(outcome?.refusal?.code == .diskFull, "seed \(seed): \(String(describing: outcome))")
      }
      return outcome
    }
    var stuckCount = 0
    for _ in 0..<60 {
      disk.inject(Self.full)
      while test.sink.monitor.withLock({ $0.error }) == nil, append()?.first != nil {}
      if test.store.statistics.unappliedByteCount > 0 { stuckCount += 1 }
      for stream in batches.indices {
        if let problem = Self.problem(test, "s\(stream)", &random) { problems.withLock { $0.append(problem) } }
      }
      disk.heal()
      // What the applier tries meanwhile may have met the full disk.
      while append()?.refusal?.code == .diskFull {}
      guard problems.withLock({ $0.isEmpty }) else { break }
    }
    isDone.store(true, ordering: .releasing)
    for thread in threads { thread.join() }
    #expect(problems.withLock { $0 } == [], "seed \(seed)")
    #expect(stuckCount > 0, "seed \(seed)")
    for stream in batches.indices { #expect(try test.readAll("s\(stream)").texts.count == Int(batches[stream]) * 2) }
    test.close()
    #expect(test.sink.monitor.withLock { $0.error } == nil, "seed \(seed)")
  }

  /// What is wrong with what a store gives of a stream, from a random number to its head or back; nil if nothing is.
  private static func problem(_ test: TestStore, _ stream: String, _ random: inout SeededGenerator) -> String? {
    guard let info = test.info(stream) else { return "\(stream) is not there" }
    let first = info.head - UInt64(random.below(Int(min(info.head, 30))))
    let isReverse = random.chance(2)
    var left = first...info.head
    var decoder = BatchDecoder()
    do {
      while true {
        let request = ReadRequest(
          stream: info.id, from: left.lowerBound, to: left.upperBound, byteCountMax: 1 + random.below(2_000),
          isReverse: isReverse)
        var found: [UInt64] = []
        let result = try test.read(request).get()
        for case .batches(let run) in isReverse ? result.pieces.reversed() : result.pieces {
          for batch in try Batch.run(run.batches) {
            for entry in try decoder.entries(of: batch) where run.numbers.contains(entry.sequence) {
              guard entry.message.text == text(stream, entry.sequence) else { return "\(entry) of \(stream)" }
              found.append(entry.sequence)
            }
          }
        }
        let expected = isReverse ? result.next + 1...left.upperBound : left.lowerBound...result.next - 1
        guard found == Array(expected) else { return "\(stream): \(found), and not \(expected)" }
        if isReverse ? result.next < left.lowerBound : result.next > left.upperBound { return nil }
        left = isReverse ? left.lowerBound...result.next : result.next...left.upperBound
      }
    } catch {
      return "\(stream) from \(left): \(error)"
    }
  }

  @Test func `what is tried again and again counts once in the size of the segment`() throws {
    let directory = TestDirectory()
    let disk = FaultDisk()
    let test = try Self.stuck(directory, disk)
    // Each of these has the applier try what waits.
    for _ in 1...100 { #expect(Self.append(test, "web", batch: 21)?.refusal?.code == .diskFull) }
    disk.heal()
    #expect(Self.append(test, "web", batch: 21)?.first == 41)
    #expect(try test.readAll("web").texts.count == 39)
    #expect(Self.append(test, "web", batch: 22)?.first == 43)
    // After a read only the next append waits for the applier.
    #expect(try test.readAll("web").texts.count == 41)
    #expect(Self.append(test, "web", batch: 23)?.first == 45)
    let statistics = test.store.statistics
    let segment = try Database(directory.data + "/segments/0000000001.db", mode: .readOnly, vfs: nil)
    let byteCount = Int(try segment.integer("PRAGMA page_count")) * SegmentSchema.pageByteCount
    let rest = statistics.byteCount - statistics.walByteCount - byteCount
    #expect((-2 * SegmentSchema.pageByteCount...1_000).contains(rest), "\(rest)")
    test.close()
  }
}
