internal import LogsSystem
internal import LogsWire

/// A logger for services that have none. It sends entries with a level, a source and a context to a sink.
///
/// A value: changing a copy changes nothing elsewhere, and copies are cheap. Below `minimumLevel` nothing is evaluated.
/// Logging never throws and never waits for the server; the sink counts what goes wrong.
///
/// ```swift
/// let outlet = LogOutlet()
/// var logger = StreamLogger(source: "web", to: outlet, passthrough: StreamLogger.standardError)
/// logger.context["region"] = "eu"
/// logger.info("request done", ["ms": 12])
/// ```
public struct StreamLogger: Sendable {
  /// The lowest level that is streamed. Entries without a level (`unspecified`) are always streamed.
  public var minimumLevel: LogSeverity
  /// Attributes of every entry, to which those of a call are added.
  public var context: LogAttributes
  /// The output that existed before streaming and stays. Called with each entry first, on the caller's thread.
  public var passthrough: (@Sendable (LogEntry) -> Void)?
  /// The lowest level that is passed through; nil for `minimumLevel`.
  public var passthroughLevel: LogSeverity?

  private var sourceBytes: ByteString
  private let sink: any LogSink

  /// - Parameters:
  ///   - source: who logs, at most 255 bytes; the rest is cut.
  ///   - context: attributes of every entry.
  ///   - minimumLevel: the lowest level that is streamed.
  ///   - sink: a `LogOutlet`, or a producer that exists already.
  ///   - passthrough: called with each entry first.
  public init(
    source: String = "", context: LogAttributes = [:], minimumLevel: LogSeverity = .info, to sink: any LogSink,
    passthrough: (@Sendable (LogEntry) -> Void)? = nil
  ) {
    sourceBytes = ByteString(source)
    self.context = context
    self.minimumLevel = minimumLevel
    self.sink = sink
    self.passthrough = passthrough
  }

  /// Who logs, at most 255 bytes; the rest is cut.
  public var source: String {
    get { sourceBytes.text }
    set { sourceBytes = ByteString(newValue) }
  }

  /// Logs a message, with the time of this call.
  ///
  /// - Parameters:
  ///   - level: its severity.
  ///   - message: at most 1 MiB; the rest is cut. Evaluated once, and only when the level is high enough.
  ///   - context: for this entry alone, evaluated like the message. Its values replace the logger's under the same key.
  public func log(
    _ level: LogSeverity, _ message: @autoclosure () -> String, _ context: @autoclosure () -> LogAttributes = [:]
  ) {
    let isStreamed = isEnough(level, minimumLevel)
    let isPassed = passthrough != nil && isEnough(level, passthroughLevel ?? minimumLevel)
    guard isStreamed || isPassed else { return }
    let time = SystemClock.wall()
    let entry = LogEntry(
      message: ByteString(message()), time: time, severity: level, source: sourceBytes,
      attributes: self.context.merging(context()).attributes)
    if isPassed { passthrough?(entry) }
    if isStreamed { sink.log(entry) }
  }

  private func isEnough(_ level: LogSeverity, _ minimum: LogSeverity) -> Bool {
    level >= minimum || level == .unspecified
  }
}

extension StreamLogger {
  public func trace(_ message: @autoclosure () -> String, _ context: @autoclosure () -> LogAttributes = [:]) {
    log(.trace, message(), context())
  }

  public func debug(_ message: @autoclosure () -> String, _ context: @autoclosure () -> LogAttributes = [:]) {
    log(.debug, message(), context())
  }

  public func info(_ message: @autoclosure () -> String, _ context: @autoclosure () -> LogAttributes = [:]) {
    log(.info, message(), context())
  }

  public func notice(_ message: @autoclosure () -> String, _ context: @autoclosure () -> LogAttributes = [:]) {
    log(.notice, message(), context())
  }

  public func warning(_ message: @autoclosure () -> String, _ context: @autoclosure () -> LogAttributes = [:]) {
    log(.warning, message(), context())
  }

  public func error(_ message: @autoclosure () -> String, _ context: @autoclosure () -> LogAttributes = [:]) {
    log(.error, message(), context())
  }

  public func critical(_ message: @autoclosure () -> String, _ context: @autoclosure () -> LogAttributes = [:]) {
    log(.critical, message(), context())
  }
}
