internal import LogsClient
package import LogsText
package import LogsWire

package enum LineGrouping: Sendable { case none, traces }
package struct LineRules: Sendable { package init() {} }

/// stand-in
package struct LinePipeline {
  package struct Configuration: Sendable {
    package var format = LineFormat.auto
    package var zone = TimeZoneRule.local
    package var grouping = LineGrouping.traces
    package var rules = LineRules()
    package var severity = LogSeverity.unspecified
    package var source = ByteString()
    package var attributes: [LogAttribute] = []
    package var groupWait = Duration.seconds(1)
    package init() {}
  }
  private let configuration: Configuration
  package init(_ configuration: Configuration) { self.configuration = configuration }
  package mutating func add(_ line: SourceLine, _ now: MonotonicTime, _ emit: (LogEntry?, UInt64) -> Void) {
    let template = LogEntry(
      message: ByteString(), time: line.time, severity: configuration.severity, source: configuration.source,
      attributes: configuration.attributes + line.attributes)
    emit(configuration.format.entry(line.bytes, like: template, TimeRules(zone: configuration.zone, now: 0)), line.end)
  }
  package mutating func flush(_ emit: (LogEntry?, UInt64) -> Void) {}
  package var deadline: MonotonicTime? { nil }
  package var droppedCount: UInt64 { 0 }
}
