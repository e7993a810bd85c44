internal import LogsWire

/// `2016-10-06T00:17:09.669794202Z stdout F text`: a line of a container, as containerd and CRI-O store it.
enum ContainerLine {
  static func entry(_ text: ByteString, _ raw: LogEntry, _ rules: TimeRules) -> LogEntry? {
    var scanner = TextScanner(text.span)
    guard let date = scanner.isoDateTime() else { return nil }
    var content = LineContent(date, 0..<scanner.offset, in: scanner.bytes, rules)
    guard scanner.take(" ") else { return nil }
    guard let stream = scanner.word(), scanner.isEqual(stream, "stdout") || scanner.isEqual(stream, "stderr") else {
      return nil
    }
    let start = scanner.offset
    while let byte = scanner.next, byte != 0x20 { scanner.offset += 1 }
    let tag = start..<scanner.offset
    guard let first = scanner.bytes.string(tag)?.utf8.first, first == UInt8(ascii: "F") || first == UInt8(ascii: "P"),
      tag.count == 1 || scanner.bytes[start + 1] == UInt8(ascii: ":"), scanner.take(" ") || scanner.isAtEnd
    else { return nil }
    content.attributes.append(LogAttribute("stream", scanner.bytes.value(stream)))
    // F is a whole line; P is one that continues in the next record.
    if !scanner.isEqual(tag, "F") { content.attributes.append(LogAttribute("tag", scanner.bytes.value(tag))) }
    content.message = scanner.rest
    return content.entry(text, raw)
  }
}
