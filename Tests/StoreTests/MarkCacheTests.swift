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
