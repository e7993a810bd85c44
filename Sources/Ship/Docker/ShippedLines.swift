internal import LogsSystem
internal import LogsWire

/// Which lines of one stream of a container have been shipped, so that none is lost or repeated when the engine sends
/// the latest ones again.
///
/// An engine has no positions, only times, and `since` takes a time. What was shipped is the beginning of what the
/// engine has stored, in its order, in which the times of one stream ascend unless its clock is set back. So a time
/// would do (`edge`), with the number of lines that have it. Above the edge the lines of the last 2 s are known one by
/// one, as time and hash: within these 2 s the clock may go back without a line being lost or repeated. If they are
/// more than `lineCountMax`, only the latest are known so, and the edge follows them: less of a step back is made good
/// then, and nothing else changes. A greater step repeats, when the engine sends again, what was shipped with later
/// times than the step led to; it loses nothing that was shipped or read live.
///
/// Where times are whole seconds (Podman), `edgeCount` counts many lines; if the engine rotates some of these away
/// between two connections, as many of the same second are missed.
struct ShippedLines: Equatable {
  struct Line: Hashable {
    var time: Int64
    var hash: UInt64
  }

  static let windowNanoseconds: Int64 = 2_000_000_000
  /// Two streams of at most 18 bytes a line are well below the 64 KiB of a bookmark.
  static let lineCountMax = 1024

  /// Every line before this time is shipped, and of those at it the first `edgeCount`; nil if every line is in `lines`.
  private(set) var edge: Int64?
  private(set) var edgeCount: UInt64 = 0
  /// In the engine's order.
  private(set) var lines: [Line] = []

  /// The time of the last line; nil if there is none.
  var last: Int64? { lines.last?.time }

  /// The earliest time that a line that was not shipped can have, as far as the clock went on.
  var floor: Int64? { edge ?? lines.lazy.map(\.time).min() }

  static func hash(_ bytes: ByteString, byteCount: Int) -> UInt64 {
    XXH3.hash(bytes.span, seed: UInt64(byteCount))
  }

  /// What is older than `time` counts as shipped. Called before anything is.
  mutating func begin(at time: Int64) { edge = time }

  /// The next line in the engine's order has been shipped.
  mutating func add(_ line: Line) {
    if let edge, line.time < edge {
      // The clock went back by more than is known: what has this time now is not shipped.
      self.edge = line.time
      edgeCount = 0
    }
    lines.append(line)
    if lines.count >= Self.lineCountMax * 2 { prune() }
  }

  /// Forgets what need not be known.
  mutating func prune() {
    guard let last else { return }
    var count = max(lines.count - Self.lineCountMax, 0)
    for line in lines[..<count] { forget(line, last) }
    while lines[count].time < last - Self.windowNanoseconds {
      forget(lines[count], last)
      count += 1
    }
    lines.removeFirst(count)
  }

  private mutating func forget(_ line: Line, _ last: Int64) {
    // A line from before a step of the clock says nothing of those after it.
    guard line.time <= last else { return }
    if let edge, line.time <= edge {
      if line.time == edge { edgeCount += 1 }
    } else {
      edge = line.time
      edgeCount = 1
    }
  }

  // MARK: As a part of a bookmark

  func encode(to writer: inout ByteWriter) {
    writer.append(edge == nil ? 0 : 1)
    writer.append(i64: edge ?? 0)
    writer.append(varint: edgeCount)
    writer.append(varint: UInt64(lines.count))
    var previous: Int64 = edge ?? 0
    for line in lines {
      writer.append(zigzag: line.time &- previous)
      writer.append(u64: line.hash)
      previous = line.time
    }
  }

  init() {}

  init(_ reader: inout ByteReader) throws(WireDecodingError) {
    let hasEdge = try reader.u8() != 0
    let edge = try reader.i64()
    self.edge = hasEdge ? edge : nil
    edgeCount = try reader.varint()
    let count = try reader.varint()
    var previous = edge
    for _ in 0..<min(count, UInt64(Self.lineCountMax * 2)) {
      previous = previous &+ (try reader.zigzag())
      lines.append(Line(time: previous, hash: try reader.u64()))
    }
  }
}

/// Tells which lines of one stream that an engine sends again are shipped already.
struct RepeatedLines {
  private let edge: Int64?
  private var edgeCount: UInt64
  /// How often each line above the edge is still to come.
  private var left: [ShippedLines.Line: Int] = [:]
  /// Whether what comes is still from before the last shipped line.
  private var isBehind: Bool
  private let hasOwnTimes: Bool

  /// - Parameter hasOwnTimes: whether lines of the stream have times of their own. What has a known time is then the
  ///   known line, or the end of it, whose beginning was rotated away; lines of the same time are counted.
  init(_ shipped: ShippedLines, hasOwnTimes: Bool = false) {
    edge = shipped.edge
    edgeCount = shipped.edgeCount
    isBehind = edge != nil || !shipped.lines.isEmpty
    self.hasOwnTimes = hasOwnTimes
    for line in shipped.lines { left[key(line), default: 0] += 1 }
  }

  private func key(_ line: ShippedLines.Line) -> ShippedLines.Line {
    hasOwnTimes ? ShippedLines.Line(time: line.time, hash: 0) : line
  }

  /// The next line in the engine's order.
  mutating func isShipped(_ line: ShippedLines.Line) -> Bool {
    let line = key(line)
    if isBehind, let edge {
      if line.time < edge { return true }
      if line.time == edge, edgeCount > 0 {
        edgeCount -= 1
        return true
      }
    }
    guard let count = left[line] else {
      isBehind = false
      return false
    }
    left[line] = count == 1 ? nil : count - 1
    if left.isEmpty { isBehind = false }
    return true
  }
}

/// The times of the latest lines of one stream, and how many lines have each: a time is a line's own, but for clocks
/// with steps.
///
/// An engine that follows files which it rotates may send the beginning of a new file twice (Docker 20.10).
struct RecentTimes {
  static let countMax = 4_096

  private var counts: [Int64: Int] = [:]
  private var order = Deque<Int64>()
  /// Which of those up to this time have come is not known.
  private(set) var floor = Int64.min

  func count(_ time: Int64) -> Int { counts[time] ?? 0 }

  /// There are at least so many lines of that time.
  mutating func note(_ time: Int64, count: Int) {
    if let known = counts[time] {
      counts[time] = max(known, count)
      return
    }
    counts[time] = count
    order.append(time)
    guard order.count > Self.countMax, let oldest = order.popFirst() else { return }
    counts[oldest] = nil
    floor = max(floor, oldest)
  }
}
