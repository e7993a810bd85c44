import LogsSimulation
import LogsWire
import Testing

@testable import LogsText

/// The lines of an export, written and read again.
@Suite struct ExportedEntryTests {
  private func line(_ entry: LogEntry, of stream: StreamName = StreamName(stored: "web")) -> String {
    var json = JSONWriter()
    json.entry(entry, of: stream, form: .exact)
    return String(decoding: json.bytes, as: UTF8.self)
  }

  private func read(_ line: String) throws(ExportMistake) -> ExportedEntry {
    try ExportedEntry(ByteString(line).span)
  }

  private func entry(
    _ message: ByteString = "m", time: Int64 = 1, received: Int64 = 2, source: ByteString = "",
    attributes: [LogAttribute] = []
  ) -> LogEntry {
    var entry = LogEntry(message: message, time: time, severity: .info, source: source, attributes: attributes)
    (entry.sequence, entry.received) = (7, received)
    return entry
  }

  /// NaNs are not equal to themselves: the rows of a batch hold the bits.
  private func expectSame(_ entry: LogEntry, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let text = line(entry)
    let again = try read(text).entry
    #expect(line(again) == text, sourceLocation: sourceLocation)
    #expect(
      [again.sequence, UInt64(bitPattern: again.time), UInt64(bitPattern: again.received)]
        == [entry.sequence, UInt64(bitPattern: entry.time), UInt64(bitPattern: entry.received)], "\(text)",
      sourceLocation: sourceLocation)
    #expect(again.message == entry.message && again.source == entry.source, "\(text)", sourceLocation: sourceLocation)
    #expect(again.severity == entry.severity && again.kind == entry.kind, "\(text)", sourceLocation: sourceLocation)
    #expect(
      again.attributes.map(\.bits) == entry.attributes.map(\.bits), "\(text)", sourceLocation: sourceLocation)
  }

  @Test func `a line has every field in a form that people can read`() {
    let values: [LogAttribute] = [
      LogAttribute("ms", 1_250), LogAttribute("raw", .bytes(ByteString([0xff, 0x00]))),
      LogAttribute("ratio", .double(.infinity)), LogAttribute("in", .map([LogAttribute("$bytes", "x")])),
    ]
    #expect(
      line(entry("plain", time: 1_768_046_400_123_456_789, received: 0, source: "api", attributes: values))
        == #"""
        {"stream":"web","seq":7,"time":"2026-01-10T12:00:00.123456789Z","received":"1970-01-01T00:00:00.000000000Z",\#
        "severity":9,"level":"info","source":"api","message":"plain","attributes":{"ms":1250,"raw":{"$bytes":"/wA="},\#
        "ratio":{"$double":"inf"},"in":{"$map":{"$bytes":"x"}}},"kind":"log"}
        """#)
    #expect(line(entry(ByteString([0xc3, 0x28]))).contains(#""message_base64":"wyg=""#))
  }

  @Test(arguments: [
    Int64.min, .min + 1, -9_223_372_036_000_000_001, -9_223_372_036_000_000_000, -1_000_000_001, -1_000_000_000, -1, 0,
    1, 999_999_999, 1_768_046_400_123_456_789, .max - 1, .max,
  ]) func `every time comes back`(time: Int64) throws { try expectSame(entry(time: time, received: time)) }

  @Test func `strange texts and bytes come back`() throws {
    let texts: [ByteString] = [
      "", "\0", " a\tb\r\n\u{b}", "\u{7f}\u{80}\u{202e}\u{2028}\u{2066}", "\u{feff}x", "e\u{301} \u{e9}",
      "\u{fffd}\u{ffff}\u{10ffff}\u{e0001}\u{1f600}", #"{"a":"\u0041"}"#, #"\"#, "\"", "/",
      ByteString((0...255).map { UInt8($0) }), ByteString([0xed, 0xa0, 0x80]), ByteString([0xff]),
      ByteString([0x80, 0x80]), ByteString([0xc3]), ByteString("x".utf8 + [0xf0, 0x9f]),
    ]
    for text in texts {
      try expectSame(entry(text))
      try expectSame(entry(source: text.count < 256 ? text : text[0..<255]))
      let values: [AttributeValue] = [.bytes(text), .string(text.text)]
      try expectSame(entry(attributes: [LogAttribute("k", .list(values)), LogAttribute("l", values[0])]))
    }
  }

  @Test func `values of every type come back with their bits`() throws {
    let numbers: [Double] = [
      0, -0.0, 1, -1, 0.1, 1 / 3, 1e16, 1e-7, 1e22, 123_456_789_012_345_680, .pi, .greatestFiniteMagnitude,
      .leastNonzeroMagnitude, .leastNormalMagnitude, .ulpOfOne, .infinity, -.infinity, .nan, -.nan, .signalingNaN,
      Double(bitPattern: 0x7ff8_0000_dead_beef),
    ]
    let integers: [Int64] = [0, -1, .min, .max, 9_007_199_254_740_993]
    var values: [AttributeValue] = [.empty, .boolean(true), .boolean(false), .list([]), .map([]), .string("")]
    values += numbers.map { .double($0) } + integers.map { .integer($0) }
    for (index, value) in values.enumerated() {
      try expectSame(entry(attributes: [LogAttribute("k\(index)", value)]))
    }
    try expectSame(entry(attributes: [LogAttribute("all", .list(values)), LogAttribute("x", .double(1))]))
  }

  @Test func `names that stand for values are names where they are names`() throws {
    for name in ["$bytes", "$double", "$map", "$other", "stream", ""] {
      let inner = AttributeValue.map([LogAttribute(name, "AA==")])
      let twice = AttributeValue.map([LogAttribute("$map", inner)])
      let pair = AttributeValue.map([LogAttribute(name, "AA=="), LogAttribute("b", 1)])
      try expectSame(
        entry(attributes: [LogAttribute("a", inner), LogAttribute("b", twice), LogAttribute("c", .list([pair]))]))
      if !name.isEmpty { try expectSame(entry(attributes: [LogAttribute(name, inner)])) }
    }
    // As deep as an entry can hold, each map marked.
    var deep = AttributeValue.list([1])
    for _ in 1..<Limits.attributeDepthMax { deep = .map([LogAttribute("$map", deep)]) }
    try expectSame(entry(attributes: [LogAttribute("a", deep)]))
  }

  @Test func `forms of a text that are equal to Swift are different names`() throws {
    try expectSame(
      entry(attributes: [LogAttribute("e\u{301}", 1), LogAttribute("\u{e9}", 2), LogAttribute("e", 3)]))
  }

  @Test(arguments: [
    (#""message":"m","message":"n""#, "it has 'message' twice"),
    (#""message":"m","seq":1,"seq":1"#, "it has 'seq' twice"),
    (#""message":"m","attributes":{"a":1,"b":2,"a":3}"#, "it has 'a' twice"),
    (#""message":"m","attributes":{"a":[{"x":1,"x":1}]}"#, "it has 'x' twice"),
    (#""message":"m","attributes":{"a":9223372036854775808}"#, "9223372036854775808 is a number that no"),
    (#""message":"m","attributes":{"a":[-9223372036854775809]}"#, "-9223372036854775809 is a number that"),
    (#""message":"m","attributes":{"a":1e400}"#, "1e400 is a number"),
    (#""message":"m","attributes":{"a":0.12345678901234567890123}"#, "0.12345678901234567890123 is a number"),
    (#""message":"\ud800""#, "it has half of a character, like \\ud800"), (#""message":"a\udc00\ud800b""#, "half of a"),
    (#""message":"m","source":"\ud83dx""#, "half of a"), (#""message":"m","attributes":{"\udfff":1}"#, "half of a"),
    (#""message":"m","attributes":{"a":"\ud83d\ud83d\ude00"}"#, "half of a"),
  ]) func `what no entry can hold as it is written is refused`(fields: String, reason: String) {
    let mistake = #expect(throws: ExportMistake.self) { try read(#"{"stream":"web",\#(fields)}"#) }
    #expect(mistake?.description.contains(reason) == true, "\(mistake?.description ?? "")")
  }

  @Test func `what looks like it is taken`() throws {
    let line = #"""
      {"stream":"web","message":"\ufffd\uFFFD\ud83d\ude00","attributes":{"a":{"b":1},"b":1,"c":[1,1],\#
      "d":9223372036854775807,"e":-9223372036854775808,"f":1e300,"g":0.1,"h":12345678901234.5}}
      """#
    let entry = try read(line).entry
    #expect(entry.message == "\u{fffd}\u{fffd}\u{1f600}")
    #expect(entry.attributes.map(\.key) == ["a", "b", "c", "d", "e", "f", "g", "h"])
  }

  @Test(arguments: 0...24) func `every severity comes back`(number: Int) throws {
    var entry = entry()
    entry.severity = try #require(LogSeverity(number: UInt8(number)))
    for kind in [LogEntry.Kind.log, .status, .complete] {
      entry.kind = kind
      try expectSame(entry)
    }
  }

  @Test func `only the stream and the message are needed, and other spaces are nothing`() throws {
    let found = try read(#" { "message" : "m" , "level":"warn", "stream":"docker/nginx" } "#)
    #expect(found.stream.text == "docker/nginx" && found.entry.text == "m" && found.entry.severity == .warning)
    #expect(found.entry.time == 0 && found.entry.kind == .log && found.entry.attributes.isEmpty)
    #expect(try read(#"{"stream":"$logsd","message":"m"}"#).stream.text == "$logsd")
    #expect(try read(#"{"stream":"a","message":"m","time":"2026-01-10T13:00:00+01:00"}"#).entry.time % 3600 == 0)
  }

  @Test(arguments: [
    ("", "no"), ("[]", "not a JSON object"), (#"{"stream":"a""#, "not a JSON object"),
    (#"{"message":"m"}"#, "stream"), (#"{"stream":"a"}"#, "message"), (#"{"stream":"a b","message":"m"}"#, "a b"),
    (#"{"stream":"a","message":1}"#, "'message' is not a text"),
    (#"{"stream":"a","message":"m","msg":"x"}"#, "no entry has 'msg'"),
    (#"{"stream":"a","message":"m","seq":-1}"#, "seq"), (#"{"stream":"a","message":"m","seq":"1"}"#, "seq"),
    (#"{"stream":"a","message":"m","time":"yesterday"}"#, "time"),
    (#"{"stream":"a","message":"m","time":"2026-01-10T12:00:00"}"#, "time"),
    (#"{"stream":"a","message":"m","time":"2026-02-30T12:00:00Z"}"#, "time"),
    (#"{"stream":"a","message":"m","time":1}"#, "time"),
    (#"{"stream":"a","message":"m","severity":25}"#, "severity"),
    (#"{"stream":"a","message":"m","severity":256}"#, "severity"),
    (#"{"stream":"a","message":"m","level":"loud"}"#, "level"), (#"{"stream":"a","message":"m","kind":"x"}"#, "kind"),
    (#"{"stream":"a","message_base64":"AA"}"#, "base64"), (#"{"stream":"a","message_base64":"A==="}"#, "base64"),
    (#"{"stream":"a","message_base64":"AB=="}"#, "base64"), (#"{"stream":"a","message_base64":"AA==AA=="}"#, "base64"),
    (#"{"stream":"a","message":"m","attributes":[]}"#, "attributes"),
    (#"{"stream":"a","message":"m","attributes":{"a":{"$bytes":1}}}"#, "$bytes"),
    (#"{"stream":"a","message":"m","attributes":{"a":{"$double":"1"}}}"#, "$double"),
    (#"{"stream":"a","message":"m","attributes":{"a":{"$map":1}}}"#, "$map"),
    (#"{"stream":"a","message":"m","attributes":{"":1}}"#, "key"),
    (#"{"stream":"a","message":"m","attributes":{"a":[[[[[[[[[1]]]]]]]]]}}"#, "deep"),
  ]) func `what is no line of an export is refused with what is wrong`(line: String, says word: String) {
    do throws(ExportMistake) {
      _ = try read(line)
      Issue.record("\(line) was read")
    } catch { #expect("\(error)".contains(word), "\(line): \(error)") }
  }

  @Test func `what no entry can hold is refused, not cut`() {
    let long = String(repeating: "x", count: Limits.messageByteCountMax + 1)
    #expect(throws: ExportMistake.self) { try read(#"{"stream":"a","message":"\#(long)"}"#) }
    #expect(throws: ExportMistake.self) {
      try read(#"{"stream":"a","message":"m","source":"\#(long.prefix(256))"}"#)
    }
    #expect(throws: ExportMistake.self) {
      try read(#"{"stream":"a","kind":"complete","message":"\#(long.prefix(1_025))"}"#)
    }
    #expect(throws: Never.self) { try read(#"{"stream":"a","message":"\#(long.dropLast())"}"#) }
  }

  @Test func `any bytes come back from base64`() {
    for count in 0...100 {
      let bytes = ByteString((0..<count).map { UInt8(truncatingIfNeeded: $0 * 89 + count) })
      #expect(Base64.decode(Base64.encode(bytes)) == bytes)
    }
    #expect(Base64.encode("any carnal pleas") == "YW55IGNhcm5hbCBwbGVhcw==")
  }
}

extension LogAttribute {
  /// What tells two attributes apart, byte by byte.
  fileprivate var bits: [String] { [Array(key.utf8).description] + value.bits }
}

extension AttributeValue {
  fileprivate var bits: [String] {
    switch self {
    case .empty: ["empty"]
    case .string(let text): ["string", Array(text.utf8).description]
    case .boolean(let flag): ["boolean", "\(flag)"]
    case .integer(let number): ["integer", "\(number)"]
    case .double(let number): ["double", "\(number.bitPattern)"]
    case .list(let values): ["list", "\(values.count)"] + values.flatMap(\.bits)
    case .map(let members): ["map", "\(members.count)"] + members.flatMap(\.bits)
    case .bytes(let bytes): ["bytes", bytes.array.description]
    }
  }
}
