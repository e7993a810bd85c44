package import LogsWire

/// An entry with everything in it, over several lines, an empty one at the end.
package enum FullLines {
  package static func append(_ entry: LogEntry, of stream: StreamName, to output: inout [UInt8]) {
    func line(_ name: String, _ value: String) { output.append(contentsOf: "  \(name)  \(value)\n".utf8) }
    output.append(contentsOf: "\(stream.text) \(entry.sequence)\n".utf8)
    line("time    ", entry.time == 0 ? "-" : Timestamp.rfc3339(entry.time))
    line("received", Timestamp.rfc3339(entry.received))
    if entry.severity != .unspecified {
      line("level   ", "\(ShortLine.name(of: entry.severity)) (\(entry.severity.number))")
    }
    if !entry.source.isEmpty { line("source  ", PrintableText.escaped(entry.source.text)) }
    if entry.kind != .log { line("kind    ", entry.kind.description) }
    // What is a line in the message is one here; the rest is escaped as everywhere.
    for (index, part) in entry.message.array.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
      output.append(contentsOf: (index == 0 ? "  message   " : "            ").utf8)
      PrintableText.append(ByteString(Array(part)), to: &output)
      output.append(0x0a)
    }
    for attribute in entry.attributes { output.append(contentsOf: "    \(EntryLine.text(attribute))\n".utf8) }
    output.append(0x0a)
  }
}
