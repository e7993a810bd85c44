import LogsWire
import Synchronization
import Testing

@testable import LogsServer

@Suite struct ConnectionEndsTests {
  private final class Lines: Sendable {
    private let state = Mutex<[String]>([])
    func add(_ line: String) { state.withLock { $0.append(line) } }
    func take() -> [String] {
      state.withLock { lines in
        defer { lines = [] }
        return lines
      }
    }
  }

  private static func time(_ seconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

  @Test func `the first of a kind and address is logged in full, the others as a count once a minute`() {
    let lines = Lines()
    let ends = ConnectionEnds { lines.add($0.text) }
    for number in 0..<1_000 {
      ends.note(.refused(.protocolViolation), peer: "10.0.0.1:\(number)", "line \(number)", now: Self.time(1))
      ends.note(.stalled, peer: "10.0.0.1:\(number)", "stalled \(number)", now: Self.time(1))
    }
    ends.note(.stalled, peer: "[fe80::1]:7", "other", now: Self.time(2))
    ends.note(.unread, peer: "unix socket of user 1000, process 12", "local", now: Self.time(2))
    ends.note(.unread, peer: "unix socket of user 1000, process 13", "local again", now: Self.time(2))
    #expect(
      lines.take() == [
        "line 0 (10.0.0.1:0)", "stalled 0 (10.0.0.1:0)", "other ([fe80::1]:7)",
        "local (unix socket of user 1000, process 12)",
      ])
    ends.tick(now: Self.time(60))
    #expect(lines.take().isEmpty)
    ends.tick(now: Self.time(61))
    #expect(
      lines.take() == [
        "1 more connection from unix socket of user 1000 ended like the one before: answers left unread",
        "999 more connections from 10.0.0.1 ended like the one before: no output taken",
        "999 more connections from 10.0.0.1 ended like the one before: protocol_violation",
      ])
    ends.note(.stalled, peer: "10.0.0.1:9", "stalled again", now: Self.time(62))
    #expect(lines.take().isEmpty)
    // After a quiet minute the next one is the first one again.
    ends.tick(now: Self.time(121))
    #expect(lines.take().count == 1)
    ends.tick(now: Self.time(190))
    ends.note(.stalled, peer: "10.0.0.1:9", "stalled at last", now: Self.time(191))
    #expect(lines.take() == ["stalled at last (10.0.0.1:9)"])
  }

  @Test func `any number of addresses takes limited memory and few lines`() {
    let lines = Lines()
    let ends = ConnectionEnds { lines.add($0.text) }
    for number in 0..<10_000 {
      ends.note(.refused(.timedOut), peer: "10.0.\(number / 256).\(number % 256):1", "line", now: Self.time(1))
    }
    // One line for the others together.
    #expect(lines.take().count == ConnectionEnds.caseCountMax + 1)
    ends.summarize(now: Self.time(2))
    #expect(
      lines.take() == [
        """
        \(10_000 - ConnectionEnds.caseCountMax - 1) more connections from other addresses ended like the one before: \
        timed_out
        """
      ])
  }
}
