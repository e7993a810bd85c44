import Foundation
import Glibc
import LogsStore
import LogsWire
import Testing

@testable import LogsServer

@Suite struct ServerLogTests {
  private static let time: Int64 = 1_768_046_400_123_456_789
  private static let hostile = LogLine.warn("two\nlines and \u{1b}[31m \"quotes\"")

  @Test func `a line has time, level and message, as text and as JSON`() throws {
    var form = LogForm()
    let text = form.line(Self.hostile, time: Self.time)
    #expect(text.hasPrefix("2026-01-10T12:00:00.123Z warn two"), "\(text)")
    #expect(!text.contains("\n") && !text.contains("\u{1b}"))
    form.format = .json
    let json = form.line(Self.hostile, time: Self.time)
    #expect(!json.contains("\n") && !json.contains("\u{1b}"))
    let object = try #require(JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: String])
    let expected = ["time": "2026-01-10T12:00:00.123Z", "level": "warn", "message": Self.hostile.text]
    #expect(object == expected)
  }

  @Test(arguments: zip(LogLine.Level.allCases, [6, 5, 4, 3]))
  func `the journal has the time and takes the level from a prefix`(level: LogLine.Level, priority: Int) {
    var form = LogForm(format: .text, isForJournal: true)
    #expect(form.line(LogLine(level, "x"), time: Self.time) == "<\(priority)>x")
    form.format = .json
    #expect(form.line(LogLine(level, "x"), time: Self.time).hasPrefix("<\(priority)>{\"time\":"))
    #expect(LogSeverity(name: level.rawValue) == level.severity)
  }

  @Test func `a stream is the journal's if its device and inode are`() throws {
    var status = stat()
    #expect(fstat(STDERR_FILENO, &status) == 0)
    let right = "\(status.st_dev):\(status.st_ino)"
    #expect(LogForm.isJournal(STDERR_FILENO, ["JOURNAL_STREAM": right]))
    for wrong in ["", "\(right)0", "1\(right)", ":"] {
      #expect(!LogForm.isJournal(STDERR_FILENO, ["JOURNAL_STREAM": wrong]), "\(wrong)")
    }
    #expect(!LogForm.isJournal(STDERR_FILENO, [:]) && !LogForm.isJournal(-1, ["JOURNAL_STREAM": right]))
  }

  @Test func `what is tried again and again is one line, then a count a minute`() {
    func time(_ seconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }
    var counts = RetryCounts()
    let first = (0..<100).map { _ in counts.isFirst("no room", now: time(0)) }
    #expect(first == [true] + Array(repeating: false, count: 99))
    let isOther = counts.isFirst("busy", now: time(0))
    #expect(isOther)
    var told = counts.summaries(now: time(59))
    #expect(told.isEmpty)
    told = counts.summaries(now: time(60))
    #expect(told == [.warn("99 more times in the last minute: no room")])
    // It goes on counting; what did not come for a minute is a first one again.
    let (again, other) = (counts.isFirst("no room", now: time(61)), counts.isFirst("busy", now: time(61)))
    #expect(!again && other)
    told = counts.summaries(now: time(120))
    #expect(told == [.warn("1 more time in the last minute: no room")])
    told = counts.summaries(now: time(300))
    let isFirstAgain = counts.isFirst("no room", now: time(300))
    #expect(told.isEmpty && isFirstAgain)
    // Any number of texts takes limited memory, and none of them is lost.
    let passed = (0..<1_000).count { counts.isFirst("text \($0)", now: time(400)) }
    #expect(passed == 1_000)
    let repeated = (0..<1_000).count { !counts.isFirst("text \($0)", now: time(401)) }
    #expect(repeated == RetryCounts.caseCountMax - 1)
  }
}
