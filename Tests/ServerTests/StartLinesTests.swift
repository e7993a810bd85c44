import LogsStore
import Synchronization
import Testing

@testable import LogsServer

/// The order of the first lines of the server's log.
@Suite struct StartLinesTests {
  @Test func `the course of things comes behind the line about the start, and what is wrong at once`() {
    let lines = Mutex<[LogLine]>([])
    let start = StartLines { line in lines.withLock { $0.append(line) } }
    start.write(.info("all 2 segments have been checked"))
    start.write(.error("a segment is damaged"))
    start.write(.info("segment 1 is sealed"))
    #expect(lines.withLock { $0.map(\.text) } == ["a segment is damaged"])
    start.release()
    start.write(.info("later"))
    start.release()
    let expected = ["a segment is damaged", "all 2 segments have been checked", "segment 1 is sealed", "later"]
    #expect(lines.withLock { $0.map(\.text) } == expected)
  }
}
