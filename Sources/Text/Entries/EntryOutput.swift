package import LogsWire

/// A form in which entries are printed, one after the other.
package protocol EntryOutput: Sendable {
  /// Appends the entry's line or lines.
  ///
  /// - Parameters:
  ///   - matches: parts of the message that were searched for, in ascending order, to be shown in another color.
  ///   - isContext: whether it only stands near an entry that was searched for.
  mutating func append(
    _ entry: LogEntry, of stream: StreamName, matches: [Range<Int>], isContext: Bool, to output: inout [UInt8])

  /// What stands between groups of entries that do not follow each other; empty for what programs read.
  var groupSeparator: String { get }
}

extension EntryOutput {
  package var groupSeparator: String { "" }
}
