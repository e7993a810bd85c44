internal import LogsSystem
package import LogsText
package import LogsWire

/// Makes entries of the lines of one file, container or pipe: rules are applied, lines that belong together are
/// grouped, and what results is read in its format.
///
/// Entries come in the order of their first lines. Lines of one stack trace may have others between them, with other
/// attributes: those wait, so that what was emitted always ends at one place of the source.
package struct LinePipeline {
  package struct Configuration: Sendable {
    package var format = LineFormat.auto
    /// Of times without a zone.
    package var zone = TimeZoneRule.local
    package var grouping = LineGrouping.traces
    package var rules = LineRules()
    /// What an entry has if neither its line nor its source says it.
    package var severity = LogSeverity.unspecified
    package var source = ByteString()
    /// Added to every entry, such as `host.name`.
    package var attributes: [LogAttribute] = []
    /// How long a group waits for its next line.
    package var groupWait = Duration.seconds(1)

    package init() {}
  }

  /// How long a line waits that may have a trace behind it, and mostly has none.
  package static let doubtWait = Duration.milliseconds(50)
  /// Lines that wait: those of a group, and those behind it with other attributes.
  package static let groupLineCountMax = 1_000
  package static let groupByteCountMax = Limits.messageByteCountMax

  private let configuration: Configuration
  private let startExpression: LineExpression?
  private let groupsTraces: Bool
  private let hasRules: Bool
  private var reader: LineParser
  /// In the order of their first lines; those in front of others that overlap wait for them.
  private var groups: [LineGroup] = []
  private var numberLast: UInt64 = 0
  /// The end of the line added last.
  private var endLast: UInt64 = 0
  private var waitingLineCount = 0
  private var waitingByteCount = 0
  /// Lines dropped by rules so far.
  package private(set) var droppedCount: UInt64 = 0

  package init(_ configuration: Configuration) {
    self.configuration = configuration
    startExpression = if case .start(let expression) = configuration.grouping { expression } else { nil }
    groupsTraces = configuration.grouping == .traces
    hasRules = !configuration.rules.isEmpty
    reader = LineParser(configuration)
  }

  /// When what waits is to be flushed; nil if nothing waits.
  package var deadline: MonotonicTime? {
    groups.isEmpty ? nil : groups.lazy.filter(\.isOpen).map(\.deadline).max() ?? MonotonicTime(nanoseconds: 0)
  }

  /// Adds a line. `emit` is called for each entry that is complete with it: the entry (nil if a rule dropped it), and
  /// where the source is to be read on once that is shipped.
  package mutating func add(_ line: SourceLine, _ now: MonotonicTime, _ emit: (LogEntry?, UInt64) -> Void) {
    if hasRules {
      switch configuration.rules.apply(to: line.bytes) {
      case .unchanged: break
      case .dropped: return drop(line, emit)
      case .masked(let bytes):
        var masked = line
        // Of a line that was cut, the attribute says how long it was.
        masked.byteCount = line.byteCount == line.bytes.count ? bytes.count : max(line.byteCount, bytes.count + 1)
        masked.bytes = bytes
        return take(masked, now, emit)
      case .withheld:
        var withheld = line
        withheld.bytes = ByteString(
          "a line of \(line.byteCount) bytes was withheld: what is to be masked in it takes too long to find")
        withheld.byteCount = withheld.bytes.count
        return take(withheld, now, emit)
      }
    }
    take(line, now, emit)
  }

  private mutating func drop(_ line: SourceLine, _ emit: (LogEntry?, UInt64) -> Void) {
    droppedCount += 1
    endLast = line.end
    if groups.isEmpty { emit(nil, line.end) }
  }

  private mutating func take(_ line: SourceLine, _ now: MonotonicTime, _ emit: (LogEntry?, UInt64) -> Void) {
    let isWhole = line.byteCount == line.bytes.count
    if groups.isEmpty {
      let state = isWhole ? begun(by: line) : nil
      guard let state else {
        endLast = line.end
        return emit(reader.entry(line, now), line.end)
      }
      numberLast += 1
      open(line, state, now)
      endLast = line.end
      return
    }
    numberLast += 1
    expire(now)
    if !isWhole { closeGroup(of: line) }
    if !isWhole || !joined(line, now) {
      if waitingLineCount + 1 > Self.groupLineCountMax || waitingByteCount + line.bytes.count > Self.groupByteCountMax {
        closeAll()
        drain(now, emit)
      }
      open(line, isWhole ? begun(by: line) : nil, now)
    }
    endLast = line.end
    drain(now, emit)
  }

  /// Completes what waits for further lines.
  package mutating func flush(_ emit: (LogEntry?, UInt64) -> Void) {
    guard !groups.isEmpty else { return }
    closeAll()
    drain(MonotonicTime.now(), emit)
  }

  // MARK: Groups

  /// What further lines a line waits for; nil for none.
  private func begun(by line: SourceLine) -> GroupState? {
    if groupsTraces { return TraceState.begun(by: TraceText(line.bytes.span)).map { .trace($0) } }
    return startExpression == nil ? nil : .start
  }

  private mutating func open(_ line: SourceLine, _ state: GroupState?, _ now: MonotonicTime) {
    groups.append(
      LineGroup(line, number: numberLast, endBefore: endLast, state, deadline: state.map { due($0, now) } ?? now))
    waitingLineCount += 1
    waitingByteCount += 1 + line.bytes.count
  }

  private func due(_ state: GroupState, _ now: MonotonicTime) -> MonotonicTime {
    if case .trace(let trace) = state, trace.isDoubtful { return now + min(Self.doubtWait, configuration.groupWait) }
    return now + configuration.groupWait
  }

  /// Whether the line is one of an open group's; if not, the group with its attributes is complete.
  private mutating func joined(_ line: SourceLine, _ now: MonotonicTime) -> Bool {
    guard let place = openPlace(of: line), let state = groups[place].state else { return false }
    let verdict: TraceState.Verdict
    switch state {
    case .start:
      let starts = startExpression.map { configuration.rules.starts($0, line.bytes) } ?? true
      verdict = starts ? .ends : .joins(.message)
    case .trace(let trace): verdict = trace.verdict(on: TraceText(line.bytes.span))
    }
    if verdict == .ends {
      close(place)
      return false
    }
    guard waitingLineCount < Self.groupLineCountMax, waitingByteCount + 1 + line.bytes.count <= Self.groupByteCountMax
    else {
      // What comes behind a full group is one of its own.
      close(place)
      return false
    }
    waitingLineCount += 1
    waitingByteCount += 1 + line.bytes.count
    if case .joins(let next) = verdict {
      groups[place].join(line, number: numberLast)
      let state = state == .start ? state : .trace(next)
      groups[place].state = state
      groups[place].deadline = due(state, now)
    } else {
      groups[place].wait(line, number: numberLast, endBefore: endLast)
    }
    return true
  }

  /// The open group with the line's attributes.
  private func openPlace(of line: SourceLine) -> Int? {
    groups.lastIndex { $0.isOpen && $0.first.attributes == line.attributes }
  }

  private mutating func closeGroup(of line: SourceLine) {
    if let place = openPlace(of: line) { close(place) }
  }

  private mutating func expire(_ now: MonotonicTime) {
    // From behind, since lines that waited in vain get in behind their group.
    for place in groups.indices.reversed() where groups[place].isOpen && groups[place].deadline <= now { close(place) }
  }

  private mutating func closeAll() {
    for place in groups.indices.reversed() where groups[place].isOpen { close(place) }
  }

  /// Completes a group. Lines that waited for others of it in vain are entries of their own.
  private mutating func close(_ place: Int) {
    groups[place].state = nil
    let deadline = groups[place].deadline
    for waiting in groups[place].takeWaiting() {
      // Their place among the groups is that of their number.
      let next = groups.firstIndex { $0.numberFirst > waiting.number } ?? groups.count
      let group = LineGroup(
        waiting.line, number: waiting.number, endBefore: waiting.endBefore, nil, deadline: deadline)
      groups.insert(group, at: next)
    }
  }

  /// Emits complete groups from the front, up to where no line in front is still waiting.
  private mutating func drain(_ now: MonotonicTime, _ emit: (LogEntry?, UInt64) -> Void) {
    while let count = drainableCount {
      let end = count < groups.count ? groups[count].endBefore : endLast
      let endBefore = groups[0].endBefore
      for place in 0..<count {
        let group = groups[place]
        waitingLineCount -= group.lineCount
        waitingByteCount -= 1 + group.byteCount
        emit(reader.entry(group, now), place == count - 1 ? end : endBefore)
      }
      groups.removeFirst(count)
    }
  }

  /// How many groups in front are complete and have no line behind the first one of the next group.
  private var drainableCount: Int? {
    var numberLast: UInt64 = 0
    for place in groups.indices {
      guard !groups[place].isOpen else { return nil }
      numberLast = max(numberLast, groups[place].numberLast)
      if place + 1 == groups.count || numberLast < groups[place + 1].numberFirst { return place + 1 }
    }
    return nil
  }
}
