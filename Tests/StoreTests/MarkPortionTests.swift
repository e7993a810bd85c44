import LogsDisk
import LogsSimulation
import LogsSystem
import LogsWire
import Synchronization
import Testing

@testable import LogsStore

/// The applier brings the table of marks up to date in portions: with the rows behind `marks_through` it says at every
/// moment what was stored for each producer.
@Suite struct MarkPortionTests {
  private static let seed = UInt64.random(in: 0...UInt64.max)
  private static let producerCount = 40

  private static func configuration(_ directory: TestDirectory) -> StoreConfiguration {
    var configuration = TestStore.configuration(directory)
    configuration.journalByteCount = 1 << 20
    // A cycle begins when the table lacks 20 batches.
    configuration.markLagCountMax = 5
    configuration.noticesCopies = false
    configuration.tailCacheByteCountMax = 0
    return configuration
  }

  /// What the segment says in one transaction.
  private struct Look {
    typealias Slots = [UInt64: (number: UInt64, first: UInt64)]

    /// By producer: what the table says; that with the rows behind `marks_through` in their order; what all rows say.
    var table: [ByteString: Slots] = [:]
    var exact: [ByteString: Slots] = [:]
    var rows: [ByteString: Slots] = [:]
    var through: Int64 = 0
    var lastRow: Int64 = 0
    /// The row of each number that a batch begins with.
    var rowOf: [UInt64: Int64] = [:]

    init(_ directory: TestDirectory) throws {
      let database = try Database(directory.data + "/segments/0000000001.db", mode: .readOnly, vfs: nil)
      try database.execute("BEGIN")
      through = try database.integer("SELECT marks_through FROM segment")
      lastRow = try database.integer("SELECT max(id) FROM runs")
      let marks = try database.prepare("SELECT producer, slot, number, first_seq FROM marks")
      while try marks.step() {
        table[marks.bytes(0), default: [:]][marks.bits(1)] = (marks.bits(2), marks.bits(3))
      }
      exact = table
      let runs = try database.prepare("SELECT id, unpacked_length, producers, batches FROM runs ORDER BY id")
      let unpacker = try RowUnpacker(of: database)
      while try runs.step() {
        let content = try unpacker.content(runs, 1)
        for (sender, batch) in zip(try Sender.decode(content.producers), try Batch.run(content.batches)) {
          let mark = (number: sender.number, first: batch.header.firstSequence)
          rowOf[mark.first] = runs.integer(0)
          rows[sender.producer.bytes, default: [:]][sender.number % 32] = mark
          if runs.integer(0) > through { exact[sender.producer.bytes, default: [:]][sender.number % 32] = mark }
        }
      }
    }

    static func isEqual(_ left: [ByteString: Slots], _ right: [ByteString: Slots]) -> Bool {
      left.count == right.count
        && left.allSatisfy { producer, slots in
          right[producer]?.count == slots.count
            && slots.allSatisfy { slot, mark in right[producer]?[slot].map { $0 == mark } == true }
        }
    }

    /// Whether the table says more than it is complete for.
    var isAhead: Bool { table.values.contains { $0.values.contains { rowOf[$0.first, default: 0] > through } } }

    /// What a start makes of it: a producer's number in the table counts as the last one that is there.
    var replayed: [ByteString: Slots] {
      var replayed = exact
      for (producer, slots) in table {
        let last = slots.values.map(\.number).max() ?? 0
        let kept = exact[producer, default: [:]].filter { slot, mark in
          mark.number > last || slots[slot].map { $0 == mark } == true
        }
        replayed[producer] = kept
      }
      return replayed
    }
  }

  @Test func `the table with the rows behind it is exact at every moment, whatever is on its way`() throws {
    var random = SeededGenerator(seed: Self.seed)
    let directory = TestDirectory()
    let test = try TestStore(Self.configuration(directory), in: directory, commitsHere: true)
    var firsts: [[UInt64]] = Array(repeating: [], count: Self.producerCount)
    var crash: TestDirectory?
    var (partCount, throughs) = (0, Set<Int64>())
    for round in 0..<150 {
      for _ in 0...random.below(8) {
        let producer = random.below(Self.producerCount)
        let number = UInt64(firsts[producer].count) + 1
        let outcome = test.append(
          "web", .test("\(producer)/\(number)"), producer: UInt64(producer), number: number)
        firsts[producer].append(try #require(outcome?.first))
      }
      // A read waits until all of it is in the segment.
      _ = try test.readAll("web", from: test.info("web")?.head ?? 1)
      let look = try Look(directory)
      #expect(Look.isEqual(look.exact, look.rows), "seed \(Self.seed), round \(round)")
      #expect(Look.isEqual(look.replayed, look.rows), "seed \(Self.seed), round \(round)")
      throughs.insert(look.through)
      if look.isAhead { partCount += 1 }
      if round == 120 { crash = directory.copy() }
    }
    #expect(throughs.count > 10, "seed \(Self.seed): \(throughs.count) cycles have ended")
    #expect(partCount > 10, "seed \(Self.seed): \(partCount) portions were seen")
    test.close()
    #expect(try Look(directory).lastRow == Look(directory).through)
    let copy = try #require(crash)
    for (directory, isWhole) in [(directory, true), (copy, false)] {
      let again = try TestStore(Self.configuration(directory), in: directory)
      let head = try #require(again.info("web")?.head)
      for (producer, firsts) in firsts.enumerated() {
        let stored = firsts.filter { isWhole || $0 <= head }
        for (index, first) in stored.enumerated().suffix(32) {
          let outcome = again.append(
            "web", .test("\(producer)/\(index + 1)"), producer: UInt64(producer), number: UInt64(index) + 1)
          #expect(outcome?.isDuplicate == true && outcome?.first == first, "seed \(Self.seed)")
        }
      }
      #expect(again.info("web")?.head == head, "seed \(Self.seed)")
    }
  }

  @Test func `producers go on while their marks are stored, and while segments begin`() throws {
    let directory = TestDirectory()
    var configuration = Self.configuration(directory)
    configuration.segmentByteCountMax = 128 << 10
    let test = try TestStore(configuration, in: directory, commitsHere: true)
    let (threadCount, ownCount, roundCount) = (3, 8, UInt64(60))
    let firsts = Mutex<[UInt64: [UInt64]]>([:])
    let isDone = Atomic(false)
    let text = String(repeating: "x", count: 200)
    let threads = (0..<threadCount).map { thread in
      Thread("producers") {
        let producers = (0..<ownCount).map { UInt64(thread * ownCount + $0) }
        var number: UInt64 = 0
        while number < roundCount || (test.store.statistics.segmentCount < 3 && number < 3_000) {
          number += 1
          let requests = producers.map { test.submit("web", .batch(.test(text)), producer: $0, number: number) }
          for (producer, request) in zip(producers, requests) {
            let first = test.sink.outcome(request)?.first ?? 0
            firsts.withLock { $0[producer, default: []].append(first) }
          }
          // One that was stored before is looked for in the mark.
          let again = test.append("web", .test(text), producer: producers[0], number: max(1, number - 1))
          #expect(again?.isDuplicate == true)
        }
      }
    }
    // What a read waits for goes into the segment at once.
    let reading = Thread("reading") {
      while !isDone.load(ordering: .relaxed) {
        guard let web = test.info("web") else { continue }
        _ = test.read(ReadRequest(stream: web.id, from: web.head, to: web.head, byteCountMax: 1))
      }
    }
    for thread in threads { thread.join() }
    isDone.store(true, ordering: .relaxed)
    reading.join()
    #expect(test.store.statistics.segmentCount > 2)
    test.close()
    let again = try TestStore(configuration, in: directory)
    for (producer, firsts) in firsts.withLock({ $0 }) {
      #expect(firsts.count >= roundCount)
      for (index, first) in firsts.enumerated().suffix(32) {
        let outcome = again.append("web", .test(text), producer: producer, number: UInt64(index) + 1)
        #expect(outcome?.isDuplicate == true && outcome?.first == first)
      }
    }
  }
}
