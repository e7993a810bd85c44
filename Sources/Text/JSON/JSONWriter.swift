package import LogsWire

/// Writes JSON (RFC 8259). Keys keep the order in which they are written.
package struct JSONWriter {
  package private(set) var bytes: [UInt8] = []
  private var needsComma = false
  private var clock = ClockText(.utc)
  /// Whether members and elements have lines of their own.
  private let isPretty: Bool
  private var depth = 0
  private var isBehindKey = false

  package init(isPretty: Bool = false) { self.isPretty = isPretty }

  package mutating func object(_ body: (inout JSONWriter) -> Void) {
    nested(UInt8(ascii: "{"), UInt8(ascii: "}"), body)
  }

  package mutating func array(_ body: (inout JSONWriter) -> Void) { nested(UInt8(ascii: "["), UInt8(ascii: "]"), body) }

  /// A name that needs no escapes.
  package mutating func key(plain name: StaticString) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    bytes.append(UInt8(ascii: "\""))
    endKey()
  }

  package mutating func key(_ name: String) {
    string(name)
    endKey()
  }

  private mutating func endKey() {
    bytes.append(UInt8(ascii: ":"))
    needsComma = false
    guard isPretty else { return }
    bytes.append(UInt8(ascii: " "))
    isBehindKey = true
  }

  private static let hexadecimal = Array("0123456789abcdef".utf8)

  /// A time in nanoseconds since 1970, as text.
  package mutating func time(_ nanoseconds: Int64) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    clock.appendRFC3339(nanoseconds, to: &bytes)
    bytes.append(UInt8(ascii: "\""))
  }

  /// Text from anywhere; what is not UTF-8 becomes U+FFFD.
  package mutating func string(_ text: ByteString) {
    if unsafe text.withUnsafeBytes({ unsafe appendPlain($0) }) { return }
    string(text.text)
  }

  /// The usual text needs no escapes.
  ///
  /// - Returns: false, without having written anything, for any other.
  private mutating func appendPlain(_ text: UnsafeRawBufferPointer) -> Bool {
    var isPlain = true
    for index in 0..<text.count {
      let byte = unsafe text[index]
      isPlain = isPlain && byte &- 0x20 < 0x5f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }
    guard isPlain else { return false }
    separate()
    bytes.append(UInt8(ascii: "\""))
    unsafe bytes.append(contentsOf: text)
    bytes.append(UInt8(ascii: "\""))
    return true
  }

  /// Escapes more than JSON requires, since the text may be shown on a terminal.
  package mutating func string(_ text: String) {
    var text = text
    if text.withUTF8({ unsafe appendPlain(UnsafeRawBufferPointer($0)) }) { return }
    separate()
    bytes.append(UInt8(ascii: "\""))
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": bytes.append(contentsOf: #"\""#.utf8)
      case "\\": bytes.append(contentsOf: #"\\"#.utf8)
      case "\n": bytes.append(contentsOf: #"\n"#.utf8)
      case "\r": bytes.append(contentsOf: #"\r"#.utf8)
      case "\t": bytes.append(contentsOf: #"\t"#.utf8)
      case let scalar where !PrintableText.isHarmless(scalar):
        // All of these are below U+10000, so one escape is enough.
        bytes.append(contentsOf: #"\u"#.utf8)
        for shift in [12, 8, 4, 0] { bytes.append(Self.hexadecimal[Int(scalar.value >> shift & 15)]) }
      default: bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  package mutating func number(_ value: UInt64) { literal(String(value)) }
  package mutating func number(_ value: Int64) { literal(String(value)) }

  /// JSON has no infinities and NaN; they become strings.
  package mutating func number(_ value: Double) {
    if value.isFinite { literal("\(value)") } else { string("\(value)") }
  }

  package mutating func boolean(_ value: Bool) { literal(value ? "true" : "false") }

  package mutating func null() { literal("null") }

  package mutating func newline() {
    bytes.append(UInt8(ascii: "\n"))
    needsComma = false
  }

  package mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    needsComma = false
  }

  private mutating func literal(_ text: String) {
    separate()
    bytes.append(contentsOf: text.utf8)
  }

  private mutating func separate() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = true
    guard isPretty else { return }
    if depth > 0, !isBehindKey { newLine() }
    isBehindKey = false
  }

  private mutating func newLine() {
    bytes.append(UInt8(ascii: "\n"))
    for _ in 0..<2 * depth { bytes.append(UInt8(ascii: " ")) }
  }

  private mutating func nested(_ open: UInt8, _ close: UInt8, _ body: (inout JSONWriter) -> Void) {
    separate()
    bytes.append(open)
    needsComma = false
    depth += 1
    body(&self)
    depth -= 1
    if isPretty, needsComma { newLine() }
    bytes.append(close)
    needsComma = true
  }
}
