import Glibc
import LogsSystem
import LogsText
import LogsWire
import Testing

@testable import LogsClient

@Suite struct StreamLoggerTests {
  private let sink = KeepingSink()

  @Test func `each level has its method and its severity`() {
    let logger = StreamLogger(source: "web", minimumLevel: .trace, to: sink)
    logger.trace("trace")
    logger.debug("debug")
    logger.info("info")
    logger.notice("notice")
    logger.warning("warning")
    logger.error("error")
    logger.critical("critical")
    #expect(sink.entries.map(\.severity.number) == [1, 5, 9, 10, 13, 17, 18])
    for entry in sink.entries { #expect(LogSeverity(name: entry.text) == entry.severity) }
    #expect(sink.entries.allSatisfy { $0.source == "web" })
  }

  @Test func `info and above are streamed unless another level is set, and nothing below is evaluated`() {
    var logger = StreamLogger(to: sink)
    var evaluatedCount = 0
    func evaluated(_ text: String) -> String {
      evaluatedCount += 1
      return text
    }
    func context() -> LogAttributes {
      evaluatedCount += 1
      return [:]
    }
    logger.debug(evaluated("no"), context())
    #expect(evaluatedCount == 0)
    logger.info(evaluated("yes"), context())
    #expect(evaluatedCount == 2)
    logger.minimumLevel = .error
    logger.warning(evaluated("no"), context())
    #expect(evaluatedCount == 2)
    logger.log(.unspecified, evaluated("no level"))
    #expect(sink.texts == ["yes", "no level"])
  }

  @Test func `the time is that of the call`() {
    let before = SystemClock.wall()
    StreamLogger(to: sink).info("now")
    let after = SystemClock.wall()
    #expect(sink.entries.allSatisfy { (before...after).contains($0.time) })
    #expect(sink.entries.count == 1)
  }

  @Test func `a call's context is added to the logger's, and no key occurs twice`() {
    var logger = StreamLogger(context: ["host": "a", "region": "eu"], to: sink)
    logger.context["region"] = "us"
    logger.context["user"] = "\(42)"
    logger.info("m", ["ms": 12, "host": "b", "ms": 13])
    #expect(
      sink.entries.first?.attributes == [
        LogAttribute("host", "b"), LogAttribute("region", "us"), LogAttribute("user", "42"), LogAttribute("ms", 13),
      ])
    logger.context["region"] = nil
    logger.info("m")
    #expect(sink.entries.last?.attributes.map(\.key) == ["host", "user"])
  }

  @Test func `a context is a dictionary in the order of insertion`() {
    var context = LogAttributes([LogAttribute("a", 1), LogAttribute("b", 2), LogAttribute("a", 3)])
    #expect(context.attributes == [LogAttribute("a", 3), LogAttribute("b", 2)])
    #expect(context["a"] == 3 && context["c"] == nil)
    context["c"] = nil
    context["b"] = nil
    context.merge(["b": true, "a": "text"])
    #expect(context.attributes == [LogAttribute("a", "text"), LogAttribute("b", true)])
    #expect(LogAttributes().merging(context) == context)
    #expect(context.merging([:]) == context)
    #expect(LogAttributes().isEmpty && !context.isEmpty)
  }

  @Test func `a copy is an independent logger`() {
    let first = StreamLogger(source: "first", context: ["k": 1], to: sink)
    var second = first
    second.source = "second"
    second.context["k"] = 2
    second.minimumLevel = .error
    first.info("1")
    second.info("not streamed")
    second.error("2")
    #expect(sink.texts == ["1", "2"])
    #expect(sink.entries.map(\.source.text) == ["first", "second"])
    #expect(sink.entries.map(\.attributes) == [[LogAttribute("k", 1)], [LogAttribute("k", 2)]])
    #expect(first.source == "first" && first.minimumLevel == .info)
  }

  @Test func `the original output gets every entry unchanged, from its own level on`() {
    let output = KeepingSink()
    var logger = StreamLogger(to: sink) { output.log($0) }
    logger.debug("below both")
    logger.info("both", ["k": 1])
    logger.passthroughLevel = .debug
    logger.debug("only passed")
    logger.passthroughLevel = .error
    logger.info("only streamed")
    #expect(output.texts == ["both", "only passed"])
    #expect(sink.texts == ["both", "only streamed"])
    #expect(output.entries.first == sink.entries.first)
  }

  @Test func `a line is written whole, and an output that is gone does no harm`() throws {
    var ends: [Int32] = [-1, -1]
    #expect(pipe(&ends) == 0)
    let line = EntryLine.bytes(of: LogEntry(message: ByteString(String(repeating: "m", count: 1_000))))
    StreamLogger.write(line, to: ends[1])
    close(ends[1])
    var read = [UInt8](repeating: 0, count: 4_096)
    #expect(Glibc.read(ends[0], &read, read.count) == line.count)
    #expect(read.prefix(line.count).elementsEqual(line))
    close(ends[0])
    StreamLogger.write(line, to: -1)
  }
}
