package import LogsWire

/// Entries as JSON objects, one a line unless they are pretty.
package struct JSONLine: EntryOutput {
  private var json: JSONWriter

  package init(isPretty: Bool = false) { json = JSONWriter(isPretty: isPretty) }

  package mutating func append(
    _ entry: LogEntry, of stream: StreamName, matches: [Range<Int>], isContext: Bool, to output: inout [UInt8]
  ) {
    json.removeAll()
    json.entry(entry, of: stream, isContext: isContext)
    json.newline()
    output.append(contentsOf: json.bytes)
  }
}
