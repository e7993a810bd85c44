import LogsClient
import Testing

@Suite struct BackoffTests {
  @Test func `the bound doubles up to the cap and stays there`() {
    let backoff = Backoff(base: .milliseconds(100), cap: .seconds(30))
    let bounds = (0..<10).map { backoff.bound(attempt: $0) }
    #expect(
      bounds == [
        .milliseconds(100), .milliseconds(200), .milliseconds(400), .milliseconds(800), .milliseconds(1600),
        .milliseconds(3200), .milliseconds(6400), .milliseconds(12800), .milliseconds(25600), .seconds(30),
      ])
    for attempt in [11, 40, 63, 64, 1000, Int.max] { #expect(backoff.bound(attempt: attempt) == .seconds(30)) }
  }

  @Test func `a wait lies between nothing and the bound`() {
    var generator = SeededGenerator(seed: testSeed())
    let backoff = Backoff()
    for attempt in 0..<20 {
      for _ in 0..<100 {
        let delay = backoff.delay(attempt: attempt, retryAfter: nil) { UInt64.random(in: 0...$0, using: &generator) }
        #expect(delay >= .zero && delay <= backoff.bound(attempt: attempt))
      }
    }
    #expect(backoff.delay(attempt: 3, retryAfter: nil) { _ in 0 } == .zero)
    #expect(backoff.delay(attempt: 3, retryAfter: nil) { $0 } == .milliseconds(800))
  }

  @Test func `the server's wish is the minimum`() {
    let backoff = Backoff()
    #expect(backoff.delay(attempt: 0, retryAfter: .seconds(2)) { $0 } == .seconds(2))
    #expect(backoff.delay(attempt: 9, retryAfter: .seconds(2)) { $0 } == .seconds(30))
  }

  @Test func `without a base there is no wait`() {
    #expect(Backoff(base: .zero).bound(attempt: 5) == .zero)
    #expect(Backoff(base: .seconds(-1)).bound(attempt: 5) == .zero)
  }
}
