package import LogsWire

/// An entry as one line of logfmt: `time=... level=warn stream=web seq=7 source=api msg="slow query" ms=1250`.
package enum LogfmtLine {
  package static func append(_ entry: LogEntry, of stream: StreamName, to output: inout [UInt8]) {
    var line = "time=\(Timestamp.rfc3339(entry.effectiveTime))"
    if entry.severity != .unspecified { line += " level=\(ShortLine.name(of: entry.severity).lowercased())" }
    line += " stream=\(stream.text) seq=\(entry.sequence)"
    if !entry.source.isEmpty { line += " source=\(EntryLine.text(.string(entry.source.text)))" }
    if entry.kind != .log { line += " kind=\(entry.kind.description)" }
    line += " msg=\(EntryLine.text(.string(entry.message.text)))"
    for attribute in entry.attributes { line += " \(EntryLine.text(attribute))" }
    output.append(contentsOf: line.utf8)
    output.append(0x0a)
  }
}
