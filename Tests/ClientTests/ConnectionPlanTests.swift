import LogsWire
import Testing

@testable import LogsClient

@Suite struct ConnectionPlanTests {
  private let lost = LogError(.connectionLost, "cut", isRetryable: true)
  private let start = MonotonicTime(nanoseconds: 1_000_000_000)

  /// Waits as long as possible.
  private func plan(servers: Int = 1, deadline: Duration? = nil) -> ConnectionPlan {
    let backoff = Backoff(base: .seconds(1), cap: .seconds(8), healthyDuration: .seconds(5))
    return ConnectionPlan(serverCount: servers, backoff: backoff, deadline: deadline) { $0 }
  }

  @Test func `waits grow up to the cap, and are reset by a connection that lasted`() {
    var plan = plan()
    #expect(plan.begin(now: start) == .connect(attempt: 1))
    for (attempt, seconds) in [1, 2, 4, 8, 8].enumerated() {
      #expect(plan.lost(lost, now: start) == .wait(.seconds(seconds), delay: .seconds(seconds)))
      #expect(plan.waited(now: start) == .connect(attempt: attempt + 2))
    }
    plan.connected(now: start)
    #expect(plan.lost(lost, now: start + .seconds(4)) == .wait(.seconds(8), delay: .seconds(8)))
    #expect(plan.waited(now: start) == .connect(attempt: 1))
    plan.connected(now: start)
    #expect(plan.lost(lost, now: start + .seconds(5)) == .wait(.seconds(1), delay: .seconds(1)))
  }

  @Test func `all servers are tried before there is a pause`() {
    var plan = plan(servers: 3)
    _ = plan.begin(now: start)
    for (server, seconds) in [(1, 0), (2, 0), (0, 1), (1, 0), (2, 0), (0, 2)] {
      #expect(plan.lost(lost, now: start) == .wait(.seconds(seconds), delay: .seconds(seconds)))
      #expect(plan.server == server)
      _ = plan.waited(now: start)
    }
  }

  @Test func `the deadline does not run while no connection is wanted`() {
    var plan = plan(deadline: .seconds(3))
    _ = plan.begin(now: start)
    _ = plan.lost(lost, now: start)
    // Suspended, and resumed much later.
    plan.stop()
    #expect(plan.begin(now: start + .seconds(60)) == .connect(attempt: 1))
    #expect(plan.lost(lost, now: start + .seconds(60)) == .wait(.seconds(1), delay: .seconds(1)))
  }

  @Test func `advice is for one connection`() {
    var plan = plan(servers: 2)
    _ = plan.begin(now: start)
    plan.connected(now: start)
    plan.goingAway(.comeBack)
    // Suspended before the connection was lost.
    plan.stop()
    _ = plan.begin(now: start)
    plan.connected(now: start)
    #expect(plan.lost(lost, now: start) == .wait(.zero, delay: .zero))
    #expect(plan.server == 1)
  }

  @Test func `a server that will be back is waited for, once`() {
    let leaving = LogError(.connectionLost, "going away", isRetryable: true, retryAfter: .seconds(2))
    for advice in [GoAway.Advice.goElsewhere, nil] {
      var plan = plan(servers: 2)
      _ = plan.begin(now: start)
      plan.connected(now: start)
      plan.goingAway(advice)
      #expect(plan.lost(leaving, now: start) == .wait(.zero, delay: .zero))
      #expect(plan.server == 1)
    }
    var plan = plan(servers: 2)
    _ = plan.begin(now: start)
    plan.connected(now: start)
    plan.goingAway(.comeBack)
    #expect(plan.lost(leaving, now: start) == .wait(.seconds(2), delay: .seconds(2)))
    #expect(plan.server == 0)
    _ = plan.waited(now: start)
    #expect(plan.lost(lost, now: start) == .wait(.zero, delay: .zero))
    #expect(plan.server == 1)
  }

  @Test func `a server's wish is respected, and an error that no retry can fix ends it`() {
    var plan = plan()
    _ = plan.begin(now: start)
    let busy = LogError(.connectionLost, "going away", isRetryable: true, retryAfter: .seconds(20))
    #expect(plan.lost(busy, now: start) == .wait(.seconds(20), delay: .seconds(20)))
    let final = LogError(.invalidConfiguration, "no such host")
    #expect(plan.lost(final, now: start) == .fail(final))
  }

  @Test func `the wait ends at the deadline, and with it the outage`() {
    var plan = plan(deadline: .seconds(3))
    _ = plan.begin(now: start)
    #expect(plan.lost(lost, now: start) == .wait(.seconds(1), delay: .seconds(1)))
    #expect(plan.waited(now: start + .seconds(1)) == .connect(attempt: 2))
    #expect(plan.lost(lost, now: start + .seconds(2)) == .wait(.seconds(1), delay: .seconds(2)))
    // A timer that fires early changes nothing.
    guard case .fail(let error) = plan.waited(now: start + .milliseconds(2999)) else {
      Issue.record("it tries again")
      return
    }
    #expect(error.code == .gaveUp && error.isRetryable)
    #expect(error.message == "no connection for 3.0 seconds: cut")
    // The next request starts over.
    #expect(plan.begin(now: start + .seconds(9)) == .connect(attempt: 1))
    #expect(plan.lost(lost, now: start + .seconds(9)) == .wait(.seconds(1), delay: .seconds(1)))
  }

  @Test func `every server is tried once, however short the deadline`() {
    var plan = plan(servers: 2, deadline: .zero)
    #expect(plan.begin(now: start) == .connect(attempt: 1))
    #expect(plan.lost(lost, now: start) == .connect(attempt: 2))
    guard case .fail(let error) = plan.lost(lost, now: start) else {
      Issue.record("it tries again")
      return
    }
    #expect(error.message == "no connection: cut")
  }

  @Test func `a connection ends the outage`() {
    var plan = plan(deadline: .seconds(3))
    _ = plan.begin(now: start)
    plan.connected(now: start + .seconds(2))
    #expect(plan.lost(lost, now: start + .seconds(60)) == .wait(.seconds(1), delay: .seconds(1)))
  }
}
