import LogsWire
import Testing

@testable import LogsServer

@Suite struct StopRequestsTests {
  /// The actions for signals at these milliseconds.
  private func actions(_ milliseconds: UInt64...) -> [StopRequests.Action] {
    var requests = StopRequests()
    return milliseconds.map { requests.receive(now: MonotonicTime(nanoseconds: $0 * 1_000_000)) }
  }

  @Test func `a second signal within a second is the same, one after that cuts off the wait, and one more ends it`() {
    #expect(actions(5_000) == [.stop])
    #expect(actions(5_000, 5_000, 5_999) == [.stop, .ignore, .ignore])
    #expect(actions(5_000, 6_000) == [.stop, .cutOff])
    #expect(actions(5_000, 5_500, 6_100, 7_000) == [.stop, .ignore, .cutOff, .ignore])
    #expect(actions(0, 9_000, 10_000, 60_000) == [.stop, .cutOff, .end, .end])
  }
}
