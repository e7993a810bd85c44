package import LogsText
package import LogsWire

package struct LinePipeline {
  package struct Configuration: Sendable {
    package var format = LineFormat.auto
    package var source = ByteString()
    package var attributes: [LogAttribute] = []
    package init() {}
  }
  private let configuration: Configuration
  package init(_ configuration: Configuration) { self.configuration = configuration }
  package mutating func add(_ line: SourceLine, _ now: MonotonicTime, _ emit: (LogEntry?, UInt64) -> Void) {
    var template = LogEntry(message: ByteString())
    template.time = line.time
    template.source = configuration.source
    template.attributes = line.attributes + configuration.attributes
    if line.byteCount > line.bytes.count {
      template.attributes.append(LogAttribute("logs.truncated", .integer(Int64(line.byteCount))))
    }
    template.message = line.bytes
    emit(template, line.end)
  }
  package mutating func flush(_ emit: (LogEntry?, UInt64) -> Void) {}
  package var deadline: MonotonicTime? { nil }
  package var droppedCount: UInt64 { 0 }
}
