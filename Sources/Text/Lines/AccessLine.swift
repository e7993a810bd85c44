internal import LogsWire

/// `127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 2326 "referer" "agent"`: requests to nginx and
/// Apache.
///
/// The line stays the message: people know it, and formats differ in what follows.
enum AccessLine {
  static func entry(_ text: ByteString, _ raw: LogEntry, _ rules: TimeRules) -> LogEntry? {
    var scanner = TextScanner(text.span)
    guard let first = scanner.word(), var second = scanner.word(), var user = scanner.word() else { return nil }
    var client = first
    var attributes: [LogAttribute] = []
    if scanner.next != UInt8(ascii: "[") {
      guard let fourth = scanner.word() else { return nil }
      if scanner.isEqual(second, "-") {
        // This is not a client: the user's name has a space.
        user = user.lowerBound..<fourth.upperBound
      } else {
        // The requested host comes first.
        attributes.append(LogAttribute("vhost", scanner.bytes.value(first)))
        (client, second, user) = (second, user, fourth)
      }
    }
    guard scanner.take("[") else { return nil }
    let timeStart = scanner.offset
    guard let date = scanner.accessTime() else { return nil }
    let timeEnd = scanner.offset
    guard scanner.take("]"), scanner.take(" "), let request = quoted(&scanner), scanner.take(" "),
      let status = scanner.digits(3),
      (100...599).contains(status), scanner.take(" ")
    else { return nil }
    let sizeStart = scanner.offset
    guard scanner.number(most: 18) != nil || scanner.take("-") else { return nil }
    let size = sizeStart..<scanner.offset
    guard scanner.isAtEnd || scanner.next == 0x20 || scanner.next == 0x0d else { return nil }

    attributes.append(LogAttribute("client", scanner.bytes.value(client)))
    if !scanner.isEqual(second, "-") { attributes.append(LogAttribute("ident", scanner.bytes.value(second))) }
    if !scanner.isEqual(user, "-") { attributes.append(LogAttribute("user", scanner.bytes.value(user))) }
    attributes += parts(request, scanner.bytes)
    attributes.append(LogAttribute("status", .integer(Int64(status))))
    if !scanner.isEqual(size, "-") { attributes.append(LogAttribute("bytes", scanner.number(size))) }
    if scanner.take(" "), let referer = quoted(&scanner), scanner.take(" "), let agent = quoted(&scanner) {
      if !scanner.isEqual(referer, "-") { attributes.append(LogAttribute("referer", scanner.bytes.value(referer))) }
      if !scanner.isEqual(agent, "-") { attributes.append(LogAttribute("agent", scanner.bytes.value(agent))) }
    }
    var content = LineContent(date, timeStart..<timeEnd, in: scanner.bytes, rules)
    content.attributes += attributes
    return content.entry(text, raw)
  }

  /// The text in quotes, with its escapes.
  @_lifetime(scanner: copy scanner)
  private static func quoted(_ scanner: inout TextScanner) -> Range<Int>? {
    guard scanner.take("\"") else { return nil }
    let start = scanner.offset
    while let byte = scanner.next, byte != UInt8(ascii: "\"") { scanner.offset += byte == UInt8(ascii: "\\") ? 2 : 1 }
    let end = scanner.offset
    return scanner.take("\"") ? start..<end : nil
  }

  /// Method, path and protocol; anything else becomes `request` as a whole.
  private static func parts(_ request: Range<Int>, _ bytes: RawSpan) -> [LogAttribute] {
    var scanner = TextScanner(bytes.extracting(request))
    guard let method = scanner.word(), scanner.isWord(method, "-_"), let path = scanner.word(),
      scanner.bytes.firstIndex(of: 0x20, from: scanner.offset) == nil, scanner.take(word: "HTTP/")
    else { return [LogAttribute("request", bytes.value(request))] }
    let version = scanner.offset - 5..<scanner.bytes.byteCount
    return [
      LogAttribute("method", scanner.bytes.value(method)), LogAttribute("path", scanner.bytes.value(path)),
      LogAttribute("protocol", scanner.bytes.value(version)),
    ]
  }
}
