import LogsWire

@testable import LogsShip

/// Feeds lines to a pipeline and keeps what it emits.
struct LineHarness {
  private(set) var pipeline: LinePipeline
  private(set) var entries: [LogEntry] = []
  private(set) var ends: [UInt64] = []
  private(set) var lineCount: UInt64 = 0
  var now = MonotonicTime(nanoseconds: 1_000_000_000)

  init(_ change: (inout LinePipeline.Configuration) -> Void = { _ in }) {
    var configuration = LinePipeline.Configuration()
    change(&configuration)
    pipeline = LinePipeline(configuration)
  }

  var texts: [String] { entries.map(\.text) }

  mutating func add(_ text: String, stream: String? = nil, time: Int64 = 0) {
    let attributes = stream.map { [LogAttribute("stream", .string($0))] } ?? []
    add(SourceLine(ByteString(text), time: time, attributes: attributes, end: lineCount + 1))
  }

  /// Adds a line whose `end` is its number.
  mutating func add(_ line: SourceLine) {
    lineCount += 1
    var line = line
    line.end = lineCount
    var emitted: [(LogEntry?, UInt64)] = []
    pipeline.add(line, now) { emitted.append(($0, $1)) }
    for (entry, end) in emitted { take(entry, end) }
  }

  mutating func addAll(_ text: String) {
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) { add(String(line)) }
  }

  mutating func flush() {
    var emitted: [(LogEntry?, UInt64)] = []
    pipeline.flush { emitted.append(($0, $1)) }
    for (entry, end) in emitted { take(entry, end) }
  }

  private mutating func take(_ entry: LogEntry?, _ end: UInt64) {
    if let entry { entries.append(entry) }
    ends.append(end)
  }
}
