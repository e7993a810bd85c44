internal import LogsText
internal import LogsWire

extension AttributeValue: CustomStringConvertible {
  /// As in the line of an entry: text without quotes where none are needed.
  public var description: String { EntryLine.text(self) }
}

extension LogAttribute: CustomStringConvertible {
  /// `key=value`.
  public var description: String { EntryLine.text(self) }
}

extension LogAttributes: CustomStringConvertible {
  public var description: String { attributes.map(\.description).joined(separator: " ") }
}

extension LogEntry: CustomStringConvertible {
  /// One line, harmless on a terminal: `2026-01-10T12:00:00.123456789Z WARN web: slow query ms=1250`.
  public var description: String { EntryLine.text(of: self) }
}

extension StreamEntry: CustomStringConvertible {
  /// Stream, sequence number and the entry's line.
  public var description: String { "\(stream) \(entry.sequence): \(entry)" }
}

extension StreamSelector: CustomStringConvertible {
  public var description: String {
    switch self {
    case .stream(let name): name.text
    case .pattern(let pattern): pattern.text
    }
  }
}

extension CursorPosition: CustomStringConvertible {
  /// As in the text form of a cursor.
  public var description: String { "\(stream)=\(sequence).\(incarnation)" }
}

extension AppendReceipt: CustomStringConvertible {
  public var description: String {
    "\(entryCount) in \(stream) at \(ranges.map { "\($0)" }.joined(separator: ", "))"
  }
}

extension StreamSummary: CustomStringConvertible {
  public var description: String { "\(stream): \(entryCount) up to \(head), \(isSealed ? "sealed" : "open")" }
}

extension AnnouncedStream: CustomStringConvertible {
  public var description: String { "\(stream) after \(start), up to \(head)" }
}

extension SkippedRange: CustomStringConvertible {
  public var description: String { "\(stream) \(range): \(reason)" }
}

extension ServerFact: CustomStringConvertible {
  public var description: String { "\(key): \(value)" }
}

extension ServerFact.Value: CustomStringConvertible {
  public var description: String {
    switch self {
    case .number(let number): "\(number)"
    case .text(let text): text
    }
  }
}
