import InMemoryLogging
import Logging
import LogsClient
import LogsLogging
import Synchronization
import Testing

/// A sink that keeps what it is given.
final class KeepingSink: LogSink {
  private let state = Mutex<[LogEntry]>([])
  func log(_ entry: LogEntry) { state.withLock { $0.append(entry) } }
  var entries: [LogEntry] { state.withLock { $0 } }
  var texts: [String] { entries.map(\.text) }
  var attributes: [LogAttribute] { entries.last?.attributes ?? [] }
}

/// What a service throws.
private struct Trouble: Error, CustomStringConvertible {
  let description: String
}

@Suite struct LogStreamHandlerTests {
  private let sink = KeepingSink()

  private func logger(provider: Logger.MetadataProvider? = nil, addsCodeLocation: Bool = false) -> Logger {
    Logger(label: "web") { label in
      LogStreamHandler(label: label, to: sink, metadataProvider: provider, addsCodeLocation: addsCodeLocation)
    }
  }

  @Test func `levels become severities, and the label becomes the source`() {
    var logger = logger()
    logger.logLevel = .trace
    for level in Logger.Level.allCases { logger.log(level: level, "\(level)") }
    #expect(sink.entries.map(\.severity.number) == [1, 5, 9, 10, 13, 17, 21])
    #expect(sink.texts == ["trace", "debug", "info", "notice", "warning", "error", "critical"])
    #expect(sink.entries.allSatisfy { $0.source == "web" && $0.attributes.isEmpty })
  }

  @Test func `info and above are logged unless another level is set, and nothing below is evaluated`() {
    var logger = logger()
    var evaluatedCount = 0
    func message() -> Logger.Message {
      evaluatedCount += 1
      return "m"
    }
    logger.debug(message())
    #expect(evaluatedCount == 0)
    logger.info(message())
    logger.logLevel = .error
    logger.warning(message())
    #expect(evaluatedCount == 1 && sink.entries.count == 1)
  }

  @Test func `the call's metadata wins over the provider's, and that over the handler's`() {
    var logger = logger(provider: Logger.MetadataProvider { ["a": "provider", "b": "provider", "p": "provider"] })
    logger[metadataKey: "a"] = "handler"
    logger[metadataKey: "b"] = "handler"
    logger[metadataKey: "c"] = "handler"
    logger[metadataKey: "h"] = "handler"
    logger.info("m", metadata: ["a": "call", "c": "call", "x": "call"])
    #expect(
      sink.attributes == [
        LogAttribute("a", "call"), LogAttribute("b", "provider"), LogAttribute("c", "call"),
        LogAttribute("h", "handler"),
        LogAttribute("p", "provider"), LogAttribute("x", "call"),
      ])
    logger.info("m")
    #expect(sink.attributes.map(\.value) == ["provider", "provider", "handler", "handler", "provider"])
  }

  @Test func `the provider is asked at each call, on the caller's task`() {
    enum Request { @TaskLocal static var id = "none" }
    let logger = logger(provider: Logger.MetadataProvider { ["request": "\(Request.id)"] })
    Request.$id.withValue("42") { logger.info("inside") }
    logger.info("outside")
    #expect(sink.entries.map(\.attributes) == [[LogAttribute("request", "42")], [LogAttribute("request", "none")]])
  }

  @Test func `metadata of every kind becomes attributes in the order of their keys`() {
    var logger = logger()
    logger[metadataKey: "z"] = ["one", ["two", "three"], ["k": "v"]]
    logger[metadataKey: "m"] = ["b": "2", "a": ["deep": "1"]]
    logger[metadataKey: "s"] = .stringConvertible(42)
    logger.info("m")
    let expected = [
      LogAttribute("m", .map([LogAttribute("a", .map([LogAttribute("deep", "1")])), LogAttribute("b", "2")])),
      LogAttribute("s", "42"),
      LogAttribute("z", .list(["one", .list(["two", "three"]), .map([LogAttribute("k", "v")])])),
    ]
    #expect(sink.attributes == expected)
    logger.info("m", metadata: ["n": "new"])
    #expect(sink.attributes == [expected[0], LogAttribute("n", "new"), expected[1], expected[2]])
    logger[metadataKey: "m"] = nil
    logger.info("m")
    #expect(sink.attributes == Array(expected[1...]))
  }

  @Test func `an error given to a call is in the entry`() {
    let logger = logger()
    logger.error("failed", error: Trouble(description: "no room"), metadata: ["error.message": "overruled", "k": "v"])
    #expect(sink.attributes.map(\.key) == ["error.message", "error.type", "k"])
    #expect(sink.attributes.first?.value == "no room")
    guard case .string(let type)? = sink.attributes.dropFirst().first?.value else {
      Issue.record("the error's type is a string")
      return
    }
    #expect(type.contains("Trouble"))
  }

  @Test func `the place of the call is added on request, and metadata of that name stays`() {
    logger().info("m")
    #expect(sink.attributes.isEmpty)
    let line = #line + 1
    logger(addsCodeLocation: true).info("m", metadata: ["code.function.name": "mine"])
    #expect(
      sink.attributes == [
        LogAttribute("code.function.name", "mine"), LogAttribute("code.file.path", .string(#fileID)),
        LogAttribute("code.line.number", .integer(Int64(line))),
      ])
  }

  @Test func `a copy of a logger is an independent value`() {
    var first = logger()
    first.logLevel = .debug
    first[metadataKey: "only-on"] = "first"
    var second = first
    second.logLevel = .error
    second[metadataKey: "only-on"] = "second"
    #expect(first.logLevel == .debug && second.logLevel == .error)
    #expect(first[metadataKey: "only-on"] == "first" && second[metadataKey: "only-on"] == "second")
    first.debug("1")
    second.debug("not logged")
    second.error("2")
    #expect(sink.texts == ["1", "2"])
    #expect(
      sink.entries.map(\.attributes) == [[LogAttribute("only-on", "first")], [LogAttribute("only-on", "second")]])
  }

  @Test func `entries logged before the outlet is bound arrive first`() {
    let outlet = LogOutlet()
    let logger = Logger(label: "early") { LogStreamHandler(label: $0, to: outlet) }
    logger.info("1")
    logger.info("2")
    #expect(sink.entries.isEmpty)
    outlet.bind(to: sink)
    logger.info("3")
    #expect(sink.texts == ["1", "2", "3"])
    #expect(sink.entries[..<2].allSatisfy { $0.time > 0 })
    outlet.unbind()
    logger.info("4")
    #expect(sink.entries.count == 3)
  }

  @Test func `the original output continues in parallel, with the same levels and metadata`() {
    let original = InMemoryLogHandler()
    var logger = Logger(label: "both") { MultiplexLogHandler([original, LogStreamHandler(label: $0, to: sink)]) }
    logger[metadataKey: "k"] = "v"
    logger.info("m", metadata: ["x": "y"])
    logger.debug("below both")
    logger.logLevel = .error
    logger.info("below both")
    #expect(original.entries.map(\.message) == ["m"])
    #expect(original.entries.first?.metadata == ["k": "v", "x": "y"])
    #expect(sink.texts == ["m"])
    #expect(sink.attributes == [LogAttribute("k", "v"), LogAttribute("x", "y")])
  }
}
