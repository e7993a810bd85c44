import LogsStore
import LogsSystem
import LogsWire
import Synchronization
import Testing

@testable import LogsServer

/// Which lines of the log become entries.
@Suite struct LogStreamTests {
  /// Takes what is for the store, and answers when asked to.
  private final class Inbox: Sendable {
    private let waiting = Mutex<[OwnEntries]>([])

    func take(_ entries: OwnEntries) { waiting.withLock { $0.append(entries) } }

    /// The messages of what came since the last time, one array for each append.
    func answer(isStored: Bool = true) throws -> [[String]] {
      let taken = waiting.withLock { waiting in
        defer { waiting = [] }
        return waiting
      }
      var decoder = BatchDecoder()
      let messages = try taken.map { try decoder.entries(of: $0.batch).map(\.message.text) }
      for entries in taken { entries.then(isStored) }
      return messages
    }
  }

  private static func time(_ seconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

  private func stream(_ inbox: Inbox) -> LogStream {
    let stream = LogStream(isOn: true)
    stream.open { inbox.take($0) }
    return stream
  }

  @Test func `lines wait for the store, then for its answer, and are stored together`() throws {
    let inbox = Inbox()
    let stream = LogStream(isOn: true)
    for line in ["a", "b"] { stream.add(.info(line), time: 1, now: Self.time(1)) }
    stream.open { inbox.take($0) }
    for line in ["c", "d"] { stream.add(.error(line), time: 2, now: Self.time(1)) }
    #expect(try inbox.answer() == [["a", "b"]])
    #expect(try inbox.answer() == [["c", "d"]])
    #expect(try inbox.answer().isEmpty)
  }

  @Test func `an entry has the line's time, level and text`() throws {
    let seen = Mutex<[LogEntry]>([])
    let stream = LogStream(isOn: true)
    stream.open { entries in
      var decoder = BatchDecoder()
      do { seen.withLock { [found = try decoder.entries(of: entries.batch)] in $0 += found } } catch {
        Issue.record(error)
      }
      entries.then(true)
    }
    stream.add(.warn("look"), time: 1_700_000_000_000_000_000, now: Self.time(1))
    let entry = try #require(seen.withLock { $0.first })
    #expect(entry.time == 1_700_000_000_000_000_000 && entry.severity == .warning)
    #expect(entry.source.text == "logsd" && entry.message.text == "look")
  }

  @Test func `work on segments is no entry, and a stream that is off takes none`() throws {
    let inbox = Inbox()
    let stream = stream(inbox)
    stream.add(.upkeep("segment 2 is active"), time: 1, now: Self.time(1))
    stream.set(isOn: false)
    stream.add(.error("lost"), time: 1, now: Self.time(1))
    #expect(try inbox.answer().isEmpty)
    stream.set(isOn: true)
    stream.add(.info("back"), time: 1, now: Self.time(1))
    #expect(try inbox.answer() == [["back"]])
  }

  @Test func `a flood of lines is cut, and the next entry says by how many`() throws {
    let inbox = Inbox()
    let stream = stream(inbox)
    for number in 0..<1_000 { stream.add(.info("\(number)"), time: 1, now: Self.time(1)) }
    let first = try inbox.answer().flatMap(\.self)
    let second = try inbox.answer().flatMap(\.self)
    #expect(first == ["0"] && second.count == LogStream.burstMax, "\(first) \(second)")
    let lost = 1_000 - LogStream.burstMax
    #expect(second.first?.hasPrefix("\(lost) lines are missing here") == true, "\(second.first ?? "")")
    // A second later there is room for a few.
    for number in 0..<1_000 { stream.add(.info("\(number)"), time: 1, now: Self.time(2)) }
    #expect(try inbox.answer() == [["0"]])
    #expect(try inbox.answer().flatMap(\.self).count == LogStream.rateMax)
  }

  @Test func `what cannot be stored is counted, and not tried again`() throws {
    let inbox = Inbox()
    let stream = stream(inbox)
    stream.add(.info("a"), time: 1, now: Self.time(1))
    stream.add(.info("b"), time: 1, now: Self.time(1))
    #expect(try inbox.answer(isStored: false) == [["a"]])
    #expect(try inbox.answer().isEmpty)
    stream.add(.info("c"), time: 1, now: Self.time(1))
    #expect(try inbox.answer(isStored: false).flatMap(\.self).map { $0.prefix(12) } == ["1 line is mi", "b", "c"])
    stream.add(.info("d"), time: 1, now: Self.time(1))
    let last = try inbox.answer().flatMap(\.self)
    #expect(last.count == 2 && last.first?.hasPrefix("3 lines are missing") == true && last.last == "d", "\(last)")
  }

  @Test func `a line of any length is an entry`() throws {
    let inbox = Inbox()
    let stream = stream(inbox)
    for _ in 0..<LogStream.burstMax {
      stream.add(.info(String(repeating: "\u{e9}", count: 3 << 20)), time: 1, now: Self.time(1))
    }
    let messages = try (inbox.answer() + inbox.answer()).flatMap(\.self)
    #expect(messages.count == LogStream.burstMax)
    #expect(messages.allSatisfy { $0.utf8.count <= LogStream.lineByteCountMax + 8 && $0.hasSuffix("...") })
  }
}
