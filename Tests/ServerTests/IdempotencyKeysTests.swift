import Testing

@testable import LogsServer
@testable import LogsWire

@Suite struct IdempotencyKeysTests {
  private static let start = MonotonicTime(nanoseconds: 1_000_000_000_000)

  private static func key(_ text: String, client: String = "a", stream: String = "web") -> IdempotencyKeys.Key {
    IdempotencyKeys.Key(client: client, stream: StreamName(stored: stream), text: text)
  }

  @Test func `a key stands for one producer for a day, for its client and stream`() {
    let keys = IdempotencyKeys()
    let first = keys.producer(for: Self.key("k"), now: Self.start)
    #expect(keys.producer(for: Self.key("k", client: "b"), now: Self.start) != first)
    #expect(keys.producer(for: Self.key("k", stream: "db"), now: Self.start) != first)
    let day = HTTPLimits.keyDuration
    #expect(keys.producer(for: Self.key("k"), now: Self.start + (day - .seconds(1))) == first)
    #expect(keys.producer(for: Self.key("k"), now: Self.start + day) != first)
  }

  @Test func `the oldest keys make room for others`() {
    let keys = IdempotencyKeys()
    func producer(_ text: String) -> ProducerID { keys.producer(for: Self.key(text), now: Self.start) }
    let (first, second) = (producer("0"), producer("1"))
    for number in 2..<HTTPLimits.keyCountMax { _ = producer("\(number)") }
    #expect(producer("0") == first)
    _ = producer("one more")
    #expect(producer("1") == second)
    #expect(producer("0") != first)
  }

  @Test func `long keys make room by their bytes`() {
    let keys = IdempotencyKeys()
    let long = String(repeating: "x", count: HTTPLimits.keysByteCountMax / 2)
    let first = keys.producer(for: Self.key("0" + long), now: Self.start)
    _ = keys.producer(for: Self.key("1" + long), now: Self.start)
    #expect(keys.producer(for: Self.key("0" + long), now: Self.start) != first)
  }
}
