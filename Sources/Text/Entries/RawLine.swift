package import LogsWire

/// The lines of a source: the bytes of messages and newlines, nothing else but the times that were asked for.
///
/// The parts of a split line that directly follow each other are joined; after anything in between, the next part
/// begins a new line.
package struct RawLine: EntryOutput {
  private var clock: ClockText?
  private let showsStatus: Bool
  /// The part written last, if its line continues in another entry.
  private var openPart: (part: LinePart, stream: StreamName)?

  /// - Parameters:
  ///   - clock: writes the time before each line; nil for none.
  ///   - showsStatus: whether changes of state are wanted among the lines.
  package init(clock: ClockText? = nil, showsStatus: Bool = false) {
    self.clock = clock
    self.showsStatus = showsStatus
  }

  package mutating func append(
    _ entry: LogEntry, of stream: StreamName, matches: [Range<Int>], isContext: Bool, to output: inout [UInt8]
  ) {
    // They seal the stream, or say what became of its source, and are no lines of it.
    if entry.kind == .complete || entry.kind == .status && !showsStatus { return }
    let part = LinePart(entry.attributes)
    var isContinued = false
    if let open = openPart {
      isContinued = part?.continues(open.part) == true && stream == open.stream
      if !isContinued { output.append(UInt8(ascii: "\n")) }
    }
    if !isContinued { clock?.appendStamp(of: entry, to: &output) }
    unsafe entry.message.withUnsafeBytes { unsafe output.append(contentsOf: $0) }
    if let part, !part.isLast {
      openPart = (part, stream)
    } else {
      output.append(UInt8(ascii: "\n"))
      openPart = nil
    }
  }
}

/// Messages alone, each in one line that is harmless on a terminal.
package struct CatLine: EntryOutput {
  private var clock: ClockText?
  private let passesColors: Bool

  /// - Parameters:
  ///   - clock: writes the time before each line; nil for none.
  ///   - passesColors: whether colours in messages stay.
  package init(clock: ClockText? = nil, passesColors: Bool = false) {
    self.clock = clock
    self.passesColors = passesColors
  }

  package mutating func append(
    _ entry: LogEntry, of stream: StreamName, matches: [Range<Int>], isContext: Bool, to output: inout [UInt8]
  ) {
    if entry.kind == .complete { return }
    clock?.appendStamp(of: entry, to: &output)
    MessageText.append(entry.message, passesColors: passesColors, to: &output)
    output.append(UInt8(ascii: "\n"))
  }

  package var groupSeparator: String { "--\n" }
}

extension ClockText {
  /// An entry's time and a space, before a line.
  fileprivate mutating func appendStamp(of entry: LogEntry, to output: inout [UInt8]) {
    appendShort(entry.effectiveTime, to: &output)
    output.append(UInt8(ascii: " "))
  }
}
