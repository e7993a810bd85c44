import LogsWire
import Testing

@testable import LogsClient

@Suite struct SpoolDroppingTests {
  private let db = StreamName(checked: "db")

  /// Everything of a stream in order, read through the windows; the spool is empty afterwards.
  private func drained(_ test: TestSpool) throws -> [StreamName: [BacklogBatch]] {
    var batches: [StreamName: [BacklogBatch]] = [:]
    try test.drain { batches[$0.key.stream, default: []].append($0) }
    return batches
  }

  private func store(_ test: TestSpool, _ range: ClosedRange<Int>, _ stream: StreamName = web, accepted: Int64? = nil)
    throws
  {
    let drafts = range.map { EncodedBatch.test("\($0)", to: stream, accepted: accepted ?? Int64($0)) }
    _ = try test.spool.store(drafts, removing: [])
  }

  @Test func `the oldest beyond the windows go, and one notice takes their place`() throws {
    let directory = try TestDirectory()
    let test = try TestSpool(directory.path)
    try store(test, 1...50)
    let each = test.spool.totals.byteCount / 50
    #expect(try test.spool.dropOldest(keeping: test.spool.totals.byteCount).isEmpty)
    // The notice takes the place of two.
    let dropped = try test.spool.dropOldest(keeping: each * 45)
    #expect(dropped.map(\.entryCount) == [7])
    #expect(dropped.map(\.reason) == [.spoolFull])
    #expect(test.spool.totals.byteCount <= each * 45)
    #expect(test.spool.totals.entryCount == 43)
    #expect(test.spool.totals.batchCount == 44)
    #expect(try test.window().map(\.number) == Array(1...32))
    let batches = try #require(drained(test)[web])
    #expect(
      batches.map(\.text) == (1...32).map { "\($0)" } + ["7 entries dropped: spool full"] + (40...50).map { "\($0)" })
    #expect(batches.map(\.number) == Array(1...32) + [39] + Array(40...50))
    #expect(batches.map(\.id) == batches.map(\.id).sorted())
  }

  @Test func `notices for one reason are joined, even after reopening, and those for others stay`() throws {
    let directory = try TestDirectory()
    do {
      let test = try TestSpool(directory.path)
      try store(test, 1...40)
      let notice = DropNotice(entryCount: 9, reason: .queueFull)
      _ = try test.spool.store(
        [EncodedBatch(stream: web, content: notice.content(time: 1), entryCount: 0, accepted: 40)], removing: [])
      try store(test, 41...60)
      for acceptedBefore in [35, 38] as [Int64] {
        #expect(try test.spool.drop(acceptedBefore: acceptedBefore).count == 1)
      }
      #expect(try test.spool.drop(acceptedBefore: 38).isEmpty)
    }
    let test = try TestSpool(directory.path)
    let dropped = try test.spool.drop(acceptedBefore: 50)
    #expect(dropped.map(\.entryCount) == [12])
    #expect(dropped.map(\.reason) == [.tooOld])
    let texts = try #require(drained(test)[web]).map(\.text)
    #expect(
      texts == (1...32).map { "\($0)" } + ["9 entries dropped: queue full", "17 entries dropped: too old"]
        + (50...60).map { "\($0)" })
  }

  @Test func `neither batches that may have been sent nor completions are dropped`() throws {
    let directory = try TestDirectory()
    let test = try TestSpool(directory.path)
    try store(test, 1...33)
    _ = try test.spool.store(
      [EncodedBatch(stream: web, content: .completion(text: ""), entryCount: 0, accepted: 1)], removing: [])
    try store(test, 1...32, db)
    #expect(try test.spool.dropOldest(keeping: 0).map(\.entryCount) == [1])
    #expect(try test.spool.dropOldest(keeping: 0).isEmpty)
    #expect(try test.spool.drop(acceptedBefore: .max).isEmpty)
    let batches = try drained(test)
    #expect(
      batches[web]?.map(\.text) == (1...32).map { "\($0)" } + ["1 entry dropped: spool full", "complete "])
    #expect(batches[db]?.count == 32)
  }

  @Test func `age is counted from each batch's own time, in whatever order the clock gave them`() throws {
    let directory = try TestDirectory()
    let test = try TestSpool(directory.path)
    try store(test, 1...32, accepted: 1_000)
    for time in [900, 100, 800, 200, 700, 300] as [Int64] {
      try store(test, Int(time)...Int(time), accepted: time)
    }
    #expect(try test.spool.drop(acceptedBefore: 400).map(\.entryCount) == [3])
    try store(test, 50...50, accepted: 50)
    #expect(try test.spool.drop(acceptedBefore: 400).map(\.entryCount) == [1])
    let texts = try #require(drained(test)[web]).map(\.text).dropFirst(32)
    #expect(texts.filter { !$0.contains("dropped") } == ["900", "800", "700"])
    let counts = texts.compactMap { $0.contains("dropped") ? Int($0.prefix { $0.isNumber }) : nil }
    #expect(counts.reduce(0, +) == 4)
  }

  /// Against a model that keeps all accepted entries: each is sent once and in order, or counted in a notice.
  @Test
  func `whatever is stored, answered and dropped, every entry is there or counted, and windows are never touched`()
    throws
  {
    var generator = SeededGenerator(seed: testSeed())
    let streams = ["a", "b", "c"].map { StreamName(checked: $0) }
    for _ in 0..<testRounds(3) {
      let directory = try TestDirectory()
      var test = try TestSpool(directory.path)
      var accepted: [StreamName: Int] = [:]
      var sent: [StreamName: [String]] = [:]
      var windows: [StreamName: [Int64]] = [:]
      var sentCount: UInt64 = 0
      var droppedCount: UInt64 = 0
      var noticedCount: UInt64 = 0
      var time: Int64 = 0
      func check() throws {
        for stream in streams {
          let window = try test.window(stream)
          // Batches that may have been sent stay unchanged until removed.
          let ids = window.map(\.id)
          #expect(ids.starts(with: windows[stream] ?? []), "\(ids) \(windows[stream] ?? [])")
          windows[stream] = ids
          #expect(window.count <= 32)
          #expect(window.map(\.number) == window.map(\.number).sorted())
          if let first = window.first { #expect(window.allSatisfy { $0.number < first.number + 32 }) }
        }
      }
      for _ in 0..<150 {
        time += 1
        switch Int.random(in: 0..<10, using: &generator) {
        case 0...4:
          let drafts = (0..<Int.random(in: 1...20, using: &generator)).map { _ in
            let stream = streams[Int.random(in: 0..<3, using: &generator)]
            let count = Int.random(in: 1...3, using: &generator)
            let number = accepted[stream] ?? 0
            accepted[stream] = number + count
            return EncodedBatch.test("\(number)", to: stream, entryCount: count, accepted: time)
          }
          _ = try test.spool.store(drafts, removing: [])
        case 5...6:
          let stream = streams[Int.random(in: 0..<3, using: &generator)]
          let window = try test.window(stream).prefix(Int.random(in: 1...32, using: &generator))
          for batch in window {
            if let notice = DropNotice.all(in: batch.content).first { noticedCount += notice.entryCount }
            sentCount += UInt64(batch.entryCount)
            if batch.entryCount > 0 { sent[stream, default: []].append(batch.text) }
          }
          _ = try test.spool.store([], removing: window.map(\.id))
          windows[stream] = Array((windows[stream] ?? []).dropFirst(window.count))
        case 7:
          let keeping = Int.random(in: 0...test.spool.totals.byteCount, using: &generator)
          droppedCount += try test.spool.dropOldest(keeping: keeping).reduce(0) { $0 + $1.entryCount }
        case 8: droppedCount += try test.spool.drop(acceptedBefore: time - 20).reduce(0) { $0 + $1.entryCount }
        default:
          let producer = test.spool.producer
          let totals = test.spool.totals
          test.spool.close()
          test = try TestSpool(directory.path)
          #expect(test.spool.producer == producer)
          #expect(test.spool.totals == totals)
        }
        try check()
      }
      try test.drain { batch in
        if let notice = DropNotice.all(in: batch.content).first { noticedCount += notice.entryCount }
        sentCount += UInt64(batch.entryCount)
        if batch.entryCount > 0 { sent[batch.key.stream, default: []].append(batch.text) }
      }
      #expect(test.spool.totals == BacklogTotals())
      #expect(noticedCount == droppedCount)
      #expect(sentCount + droppedCount == UInt64(accepted.values.reduce(0, +)))
      for stream in streams {
        let numbers = (sent[stream] ?? []).compactMap { Int($0) }
        #expect(numbers == numbers.sorted())
        #expect(Set(numbers).count == numbers.count)
      }
      #expect(test.damages.isEmpty)
    }
  }
}
