import LogsWire
import Testing

@testable import LogsStore

@Suite struct MarkCacheTests {
  private static func key(_ number: UInt64) -> MarkKey {
    MarkKey(stream: StreamName(stored: "s"), producer: .test(number))
  }

  private static func mark(_ number: UInt64) -> ProducerMark {
    var mark = ProducerMark()
    mark.add(.init(number: number, first: number, count: 1, check: number))
    return mark
  }

  @Test func `marks not used for long are forgotten, within the bound`() {
    var cache = MarkCache(countMax: 100)
    for number in 1...1000 as ClosedRange<UInt64> {
      cache.add(Self.key(number), Self.mark(number), pinCount: 0)
      #expect(cache.count <= 100)
    }
    #expect(cache[Self.key(1)] == nil)
    #expect(cache[Self.key(1000)]?.number == 1000)
  }

  @Test func `pinned marks and those not yet on disk survive`() {
    var cache = MarkCache(countMax: 10)
    cache.add(Self.key(1), Self.mark(1), pinCount: 1)
    let cached = cache.add(Self.key(2), ProducerMark(), pinCount: 1)
    cache.add(.init(number: 5, first: 5, count: 1, check: 5), to: cached)
    cache.unpin(cached)
    for number in 3...500 as ClosedRange<UInt64> { cache.add(Self.key(number), Self.mark(number), pinCount: 0) }
    #expect(cache[Self.key(1)]?.number == 1)
    #expect(cache[Self.key(2)]?.number == 5)
    #expect(cache.unstoredMarks.map(\.key.producer) == [.test(2)])
    cache.noteStored(in: 7)
    #expect(cache[Self.key(2)]?.unstored(in: 7) == [])
    #expect(cache[Self.key(2)]?.unstored(in: 8).count == 1)
    for number in 501...600 as ClosedRange<UInt64> { cache.add(Self.key(number), Self.mark(number), pinCount: 0) }
    #expect(cache[Self.key(2)] == nil)
    #expect(cache[Self.key(1)]?.number == 1)
  }

  /// A cache in which each of these producers has stored its batch 1, and will store more.
  private static func filled(_ producers: ClosedRange<UInt64>) -> (cache: MarkCache, marks: [CachedMark]) {
    var cache = MarkCache(countMax: 1000)
    let marks = producers.map { cache.add(key($0), ProducerMark(), pinCount: 1) }
    for mark in marks { cache.add(.init(number: 1, first: 1, count: 1, check: 1), to: mark) }
    return (cache, marks)
  }

  @Test func `marks go into the table in portions, and are complete up to the row before the first of them`() throws {
    var (cache, marks) = Self.filled(1...100)
    let none = cache.portion(lagMax: 101, batchCount: 10, lastRow: 7)
    #expect(none == nil)
    let begun = cache.portion(lagMax: 100, batchCount: 10, lastRow: 7)
    let first = try #require(begun)
    #expect(first.marks.count == 21 && first.through == nil)
    // A mark that is on its way, and one that waits.
    for index in [3, 50] { cache.add(.init(number: 2, first: 2, count: 1, check: 2), to: marks[index]) }
    cache.noteStored(first, in: 7)
    #expect(cache.unstoredMarks.count == 80)
    #expect(cache[Self.key(4)]?.unstored(in: 7).map(\.number) == [2])
    var (throughs, records): ([Int64?], [Int]) = ([], [])
    while let portion = cache.portion(lagMax: 100, batchCount: 10, lastRow: 9) {
      throughs.append(portion.through)
      records += portion.marks.map { $0.mark.unstored(in: 7).count }
      cache.noteStored(portion, in: 7)
    }
    #expect(throughs == [nil, nil, nil, 7])
    #expect(records.count == 79 && records.reduce(0, +) == 80)
    #expect(cache.unstoredBatchCount == 2)
    #expect(cache.unstoredMarks.map(\.key.producer) == [.test(4)])
  }

  @Test func `a portion that was given up counts as not stored`() throws {
    var (cache, marks) = Self.filled(1...10)
    let begun = cache.portion(lagMax: 10, batchCount: 1, lastRow: 7)
    let portion = try #require(begun)
    #expect(portion.marks.count == 3)
    // The same again, as after a transaction that failed.
    let again = cache.portion(lagMax: 10, batchCount: 1, lastRow: 8)
    #expect(again?.marks.map(\.key) == portion.marks.map(\.key))
    cache.forget(StreamName(stored: "s"))
    cache.add(.init(number: 1, first: 1, count: 1, check: 1), to: marks[0])
    cache.noteStored(portion, in: 7)
    #expect(cache[Self.key(1)]?.unstored(in: 7).map(\.number) == [1])
    #expect(cache.unstoredMarks.map(\.key.producer) == [.test(1)])
    let next = cache.portion(lagMax: 10, batchCount: 10, lastRow: 9)
    #expect(next?.marks.count == 1 && next?.through == 9)
  }

  @Test func `a mark remembers the last 32 batches, whatever numbers were left out`() {
    var mark = ProducerMark()
    for number in stride(from: 1, through: 1000, by: 3) as StrideThrough<Int> {
      let number = UInt64(number)
      mark.add(.init(number: number, first: number * 10, count: 1, check: number))
      #expect(mark.record(of: number)?.first == number * 10)
      #expect(mark.records.count <= Limits.producerBatchCountMax)
    }
    #expect(mark.record(of: 1000 - 31 * 3)?.check == 907)
    #expect(mark.record(of: 1) == nil)
  }
}
