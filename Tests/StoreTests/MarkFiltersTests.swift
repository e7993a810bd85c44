import LogsDisk
import LogsSystem
import LogsWire
import Testing

@testable import LogsStore

@Suite struct MarkFiltersTests {
  private static func segment(_ number: Int64) -> Segment {
    Segment(number: number, path: "\(number).db", state: .sealed)
  }

  @Test func `a filter knows every mark of its segment and excludes others`() {
    let filters = MarkFilters()
    let known = (0..<2000).map { MarkFilters.hash(.test(UInt64($0)), on: Int64($0 % 7)) }
    #expect(filters.isMissing(1))
    #expect(!filters.excludes(known[0], from: 1))
    filters.make(of: Self.segment(1)) { visit in for hash in known { _ = visit(hash) } }
    #expect(!filters.isMissing(1))
    #expect(known.allSatisfy { !filters.excludes($0, from: 1) })
    #expect((0..<1000).count { filters.excludes(MarkFilters.hash(.test(UInt64($0)), on: 99), from: 1) } >= 999)
  }

  @Test func `filters stay within their bound, and segments without one are searched`() {
    let filters = MarkFilters(byteCountMax: 400)
    for segment in 1...3 as ClosedRange<Int64> {
      filters.make(of: Self.segment(segment)) { visit in
        for hash in 0..<60 as Range<UInt32> where !visit(hash) { return }
      }
    }
    #expect(filters.excludes(77, from: 1))
    #expect(!filters.excludes(77, from: 2))
    #expect(!filters.isMissing(2))
    // Those of trimmed segments make room.
    filters.drop(below: 3)
    #expect(!filters.excludes(77, from: 1))
    filters.make(of: Self.segment(4)) { visit in _ = visit(1) }
    #expect(filters.excludes(77, from: 4))
    filters.make(of: Self.segment(2)) { visit in _ = visit(1) }
    #expect(filters.isMissing(2))
  }

  @Test func `a segment that is replaced meanwhile gets a filter later`() {
    let filters = MarkFilters()
    let segment = Self.segment(1)
    segment.state = .replaced
    filters.make(of: segment) { _ throws(SQLiteError) in throw SQLiteError(gone: segment.path) }
    #expect(filters.isMissing(1))
    filters.make(of: segment.rewritten(byteCount: 1)) { visit in _ = visit(1) }
    #expect(filters.excludes(77, from: 1))
  }

  @Test func `the batches of a new producer touch no sealed segment once filters are made`() throws {
    let directory = TestDirectory()
    let clock = TestClock()
    let disk = FaultDisk()
    var configuration = disk.configuration(directory, clock)
    configuration.markForwardCountMax = 0
    configuration.readerConnectionCountMax = 0
    let test = try TestStore(configuration)
    for number in 1...10 as ClosedRange<UInt64> {
      test.append("web", .test("\(number)"), producer: number, number: 1)
      test.roll(clock)
    }
    let readCount = Monitor(0)
    disk.hooks.withLock {
      $0.onRead = { file in
        if !file.hasSuffix("0000000011.db"), !file.hasSuffix("-wal") { readCount.withLock { $0 += 1 } }
      }
    }
    var producer: UInt64 = 100
    repeat {
      readCount.withLock { $0 = 0 }
      producer += 1
      #expect(test.append("web", .test("new"), producer: producer, number: 1)?.first != nil)
    } while readCount.withLock { $0 } > 0 && producer < 200
    #expect(producer < 200)
    test.close()
    // Known marks are found in each of the segments.
    let again = try TestStore(configuration)
    for number in 1...10 as ClosedRange<UInt64> {
      #expect(again.append("web", .test("\(number)"), producer: number, number: 1)?.first == number)
    }
  }
}
