internal import LogsSystem
internal import LogsWire

/// One stream of a container on its way to entries: lines that wait for others of their group are not shipped yet.
struct ContainerLines {
  /// Of what an engine that was killed has left of a line: `beginning` or `end`.
  private static let partialKey = "logs.partial"

  private var pipeline: LinePipeline
  private let attributes: [LogAttribute]
  private var number: UInt64 = 0
  /// Lines that are read and not shipped, with the numbers that the pipeline has of them.
  private var held = Deque<(number: UInt64, line: ShippedLines.Line)>()
  private var repeated = RepeatedLines(ShippedLines())
  /// What has come; nil if many lines may have the same time.
  private var recent: RecentTimes?
  /// How many lines of the last time the current answer has had.
  private var same = (time: Int64.min, count: 0)
  /// The time of the last line, if it was cut.
  private var timeCut: Int64?

  init(_ stream: String, _ configuration: LinePipeline.Configuration) {
    pipeline = LinePipeline(configuration)
    attributes = [LogAttribute("stream", .string(stream))]
  }

  /// What is read and not shipped, in the engine's order.
  var waiting: [ShippedLines.Line] { (0..<held.count).map { held[$0].line } }

  var deadline: MonotonicTime? { pipeline.deadline }

  /// An answer of the engine begins.
  mutating func begin(_ known: ShippedLines, hasOwnTimes: Bool) {
    repeated = RepeatedLines(known, hasOwnTimes: hasOwnTimes)
    recent = hasOwnTimes ? recent ?? RecentTimes() : nil
    same = (.min, 0)
  }

  /// Whether the next line in the engine's order was read before. What is stored has each line once, so that those of
  /// the same time are counted. A follow may repeat lines: nil for one that is either repeated or another of the same
  /// time, which what is stored tells.
  mutating func isKnown(_ line: ShippedLines.Line, isFollowing: Bool) -> Bool? {
    let isShipped = repeated.isShipped(line)
    guard recent != nil else { return isShipped }
    let count = same.time == line.time ? same.count + 1 : 1
    same = (line.time, count)
    let countBefore = recent?.count(line.time) ?? 0
    if isShipped || count <= countBefore {
      recent?.note(line.time, count: count)
      return true
    }
    return isFollowing && countBefore > 0 ? nil : false
  }

  /// Whether a line that seems new may be one from long ago.
  func mayBeKnown(_ line: ShippedLines.Line) -> Bool {
    guard let recent else { return false }
    return line.time <= recent.floor
  }

  /// - Parameter started: when the container was started last: what it wrote before has no end after it.
  /// - Returns: whether lines were completed, which `shipped` then has.
  mutating func add(
    _ line: EngineLogDecoder.Line, _ known: ShippedLines.Line, started: Int64, _ now: MonotonicTime,
    _ ship: (LogEntry?) -> Void, _ shipped: inout ShippedLines
  ) -> Bool {
    number += 1
    held.append((number, known))
    recent?.note(line.time, count: same.count)
    var attributes = attributes
    if line.isCut {
      attributes.append(LogAttribute(Self.partialKey, .string("beginning")))
    } else if let timeCut, started <= timeCut {
      attributes.append(LogAttribute(Self.partialKey, .string("end")))
    }
    timeCut = line.isCut ? line.time : nil
    let source = SourceLine(
      line.bytes, byteCount: line.byteCount, time: line.time, attributes: attributes, end: number)
    let count = held.count
    var completed: [(entry: LogEntry?, end: UInt64)] = []
    pipeline.add(source, now) { completed.append(($0, $1)) }
    complete(completed, ship, &shipped)
    return held.count < count
  }

  /// Completes what waits, if it is due.
  mutating func flushDue(
    _ now: MonotonicTime, _ ship: (LogEntry?) -> Void, _ shipped: inout ShippedLines
  ) -> Bool {
    guard let deadline = pipeline.deadline, deadline <= now else { return false }
    let count = held.count
    flush(ship, &shipped)
    return held.count < count
  }

  mutating func flush(_ ship: (LogEntry?) -> Void, _ shipped: inout ShippedLines) {
    var completed: [(entry: LogEntry?, end: UInt64)] = []
    pipeline.flush { completed.append(($0, $1)) }
    complete(completed, ship, &shipped)
  }

  private mutating func complete(
    _ completed: [(entry: LogEntry?, end: UInt64)], _ ship: (LogEntry?) -> Void, _ shipped: inout ShippedLines
  ) {
    for (entry, end) in completed {
      ship(entry)
      while let first = held.first, first.number <= end {
        shipped.add(first.line)
        _ = held.popFirst()
      }
    }
  }
}
