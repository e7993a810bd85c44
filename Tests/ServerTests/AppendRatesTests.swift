import Testing

@testable import LogsServer
@testable import LogsWire

@Suite struct AppendRatesTests {
  private static let web = StreamName(stored: "web")
  private static let start = MonotonicTime(nanoseconds: 1_000_000_000_000)

  private static func ask(
    _ rates: AppendRates, _ entries: Int, bytes: Int = 0, client: String = "a", stream: StreamName = web,
    milliseconds: UInt64
  ) -> UInt32? {
    rates.refusal(
      client: client, stream: stream, byteCount: bytes, entryCount: entries,
      now: start.advanced(byMilliseconds: milliseconds))?.retryAfterMilliseconds
  }

  @Test func `a second's worth may come at once, what is more waits`() {
    let rates = AppendRates(perClient: .init(entryCount: 100), perStream: .init())
    #expect(Self.ask(rates, 100, milliseconds: 0) == nil)
    #expect(Self.ask(rates, 50, milliseconds: 0) == nil)
    // 150 are taken: half a second must pass.
    #expect(Self.ask(rates, 1, milliseconds: 0) == 501)
    #expect(Self.ask(rates, 1, milliseconds: 499) == 2)
    #expect(Self.ask(rates, 1, milliseconds: 501) == nil)
    #expect(Self.ask(rates, 1, client: "b", milliseconds: 501) == nil)
  }

  @Test func `in the long run as much is taken as the limit says`() {
    let rates = AppendRates(perClient: .init(byteCount: 1_000), perStream: .init())
    var taken = 0
    for millisecond in 0..<60_000 where Self.ask(rates, 1, bytes: 100, milliseconds: UInt64(millisecond)) == nil {
      taken += 100
    }
    #expect((60_000...61_200).contains(taken), "\(taken)")
  }

  @Test func `a batch that is larger than the limit has its turn`() {
    let rates = AppendRates(perClient: .init(byteCount: 1_000), perStream: .init())
    #expect(Self.ask(rates, 1, bytes: 2 << 20, milliseconds: 0) == nil)
    #expect(Self.ask(rates, 1, bytes: 2 << 20, milliseconds: 2_000) != nil)
    #expect(Self.ask(rates, 1, bytes: 2 << 20, milliseconds: 2_096_152) == nil)
  }

  @Test func `a stream has its limit for all clients together, and a refusal costs nothing`() {
    let rates = AppendRates(perClient: .init(entryCount: 1_000), perStream: .init(entryCount: 10))
    #expect(Self.ask(rates, 20, client: "a", milliseconds: 0) == nil)
    for _ in 0..<1_000 { #expect(Self.ask(rates, 20, client: "b", milliseconds: 0) == 1_001) }
    #expect(Self.ask(rates, 900, client: "b", stream: StreamName(stored: "other"), milliseconds: 0) == nil)
  }

  @Test func `a minute's worth of streams may be created at once, then one after the other`() {
    let rates = AppendRates(perClient: .init(), perStream: .init(), newStreamCount: 60)
    func wait(_ client: String, milliseconds: UInt64) -> UInt32? {
      rates.creationRefusal(client: client, now: Self.start.advanced(byMilliseconds: milliseconds))?
        .retryAfterMilliseconds
    }
    for _ in 0..<60 { #expect(wait("a", milliseconds: 0) == nil) }
    for _ in 0..<1_000 { #expect(wait("a", milliseconds: 0) == 1_001) }
    #expect(wait("b", milliseconds: 0) == nil)
    #expect(wait("a", milliseconds: 400) == 601)
    #expect(wait("a", milliseconds: 1_001) == nil)
    #expect(wait("a", milliseconds: 1_001) != nil)
    // In the long run as many as the limit says, and appends do not count.
    var created = 0
    for step in 0..<60_000 where wait("c", milliseconds: UInt64(step) * 10) == nil { created += 1 }
    #expect((659...661).contains(created), "\(created)")
    #expect(Self.ask(rates, 1_000_000, milliseconds: 0) == nil)
    let none = AppendRates(perClient: .init(), perStream: .init())
    for _ in 0..<100_000 { #expect(none.creationRefusal(client: "a", now: Self.start) == nil) }
  }

  @Test func `other limits count from then on`() {
    let rates = AppendRates(perClient: .init(), perStream: .init())
    #expect(Self.ask(rates, 1_000, milliseconds: 0) == nil)
    rates.set(perClient: .init(entryCount: 100), perStream: .init(), newStreamCount: 1)
    #expect(rates.creationRefusal(client: "a", now: Self.start) == nil)
    #expect(rates.creationRefusal(client: "a", now: Self.start) != nil)
    #expect(Self.ask(rates, 150, milliseconds: 0) == nil)
    #expect(Self.ask(rates, 1, milliseconds: 0) == 501)
    rates.set(perClient: .init(), perStream: .init(entryCount: 1), newStreamCount: nil)
    #expect(Self.ask(rates, 3, milliseconds: 0) == nil && Self.ask(rates, 1, milliseconds: 0) != nil)
  }

  @Test func `other limits begin without the debt of those before`() {
    let rates = AppendRates(perClient: .init(byteCount: 1), perStream: .init(), newStreamCount: 1)
    #expect(Self.ask(rates, 1, bytes: 3_600, milliseconds: 0) == nil)
    #expect(rates.creationRefusal(client: "a", now: Self.start) == nil)
    // The same limits again change nothing.
    rates.set(perClient: .init(byteCount: 1), perStream: .init(), newStreamCount: 1)
    #expect(Self.ask(rates, 1, bytes: 1, milliseconds: 0) == 3_599_001)
    #expect(rates.creationRefusal(client: "a", now: Self.start) != nil)
    rates.set(perClient: .init(byteCount: 1_000), perStream: .init(), newStreamCount: 2)
    #expect(Self.ask(rates, 1, bytes: 1, milliseconds: 0) == nil)
    #expect(rates.creationRefusal(client: "a", now: Self.start) == nil)
  }

  @Test func `clocks that are not ahead are forgotten`() {
    let rates = AppendRates(perClient: .init(entryCount: 10), perStream: .init())
    for number in 0..<AppendRates.clockCountMax * 2 {
      #expect(Self.ask(rates, 1, client: "\(number)", milliseconds: UInt64(number)) == nil)
    }
    #expect(rates.clockCount <= AppendRates.clockCountMax)
  }

  @Test func `addresses have their own number of connections`() {
    let counts = HolderCounts()
    #expect(counts.add("a", limit: 2) && counts.add("a", limit: 2) && !counts.add("a", limit: 2))
    #expect(counts.add("b", limit: 2))
    counts.remove("a")
    #expect(counts.add("a", limit: 2))
  }
}
