internal import LogsWire

/// Lines that wait for others, or behind others that do.
struct LineGroup {
  struct Waiting {
    let line: SourceLine
    let number: UInt64
    let endBefore: UInt64
  }

  let first: SourceLine
  /// The line's number among all.
  let numberFirst: UInt64
  private(set) var numberLast: UInt64
  /// The end of the line before the first one.
  let endBefore: UInt64
  private var others: [ByteString] = []
  private(set) var byteCount: Int
  /// Lines behind `others` that belong to the group if a later one does.
  private var waiting: [Waiting] = []
  /// nil once no more lines belong to it.
  var state: GroupState?
  /// When it is complete without another line.
  var deadline: MonotonicTime

  init(
    _ first: SourceLine, number: UInt64, endBefore: UInt64, _ state: GroupState?, deadline: MonotonicTime
  ) {
    self.first = first
    numberFirst = number
    numberLast = number
    self.endBefore = endBefore
    byteCount = first.bytes.count
    self.state = state
    self.deadline = deadline
  }

  var isOpen: Bool { state != nil }
  var lineCount: Int { 1 + others.count + waiting.count }

  mutating func join(_ line: SourceLine, number: UInt64) {
    for waiting in takeWaiting() { append(waiting.line) }
    append(line)
    numberLast = number
  }

  private mutating func append(_ line: SourceLine) {
    others.append(line.bytes)
    byteCount += 1 + line.bytes.count
  }

  mutating func wait(_ line: SourceLine, number: UInt64, endBefore: UInt64) {
    waiting.append(Waiting(line: line, number: number, endBefore: endBefore))
  }

  mutating func takeWaiting() -> [Waiting] {
    defer { waiting = [] }
    return waiting
  }

  var isSingle: Bool { others.isEmpty }

  /// `head` and the lines behind the first one.
  func message(behind head: ByteString) -> ByteString {
    if others.isEmpty { return head }
    var writer = ByteWriter(capacity: head.count + byteCount)
    writer.append(head)
    for line in others {
      writer.append(UInt8(ascii: "\n"))
      writer.append(line)
    }
    return writer.finish()
  }
}

/// What a group waits for.
enum GroupState: Equatable {
  case trace(TraceState)
  /// A line that begins another group.
  case start
}
