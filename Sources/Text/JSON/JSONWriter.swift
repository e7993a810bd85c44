internal import Glibc
package import LogsWire

/// Writes JSON (RFC 8259). Keys keep the order in which they are written.
package struct JSONWriter {
  package private(set) var bytes: [UInt8] = []
  private var needsComma = false
  private var isAfterKey = false
  private let isPretty: Bool
  private var depth = 0
  private var clock = ClockText(.utc)

  /// - Parameter isPretty: whether each value stands in a line of its own, indented.
  package init(isPretty: Bool = false) { self.isPretty = isPretty }

  package mutating func object(_ body: (inout JSONWriter) -> Void) {
    nested(UInt8(ascii: "{"), UInt8(ascii: "}"), body)
  }

  package mutating func array(_ body: (inout JSONWriter) -> Void) { nested(UInt8(ascii: "["), UInt8(ascii: "]"), body) }

  package mutating func key(_ name: String) {
    string(name)
    bytes.append(UInt8(ascii: ":"))
    endKey()
  }

  /// A key that needs no escapes, with its quotes and the colon: one piece is appended faster than four.
  package mutating func key(quoted name: StaticString) {
    separate()
    bytes.append(name)
    endKey()
  }

  private mutating func endKey() {
    if isPretty { bytes.append(UInt8(ascii: " ")) }
    isAfterKey = true
  }

  /// Text that needs no escapes.
  package mutating func string(plain text: StaticString) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    bytes.append(text)
    bytes.append(UInt8(ascii: "\""))
  }

  /// Escapes more than JSON requires, since the text may be shown on a terminal.
  package mutating func string(_ text: String) {
    var text = text
    text.withUTF8 { unsafe string(UnsafeRawBufferPointer($0)) }
  }

  /// The same; bytes that are not UTF-8 become U+FFFD.
  package mutating func string(_ text: ByteString) { unsafe text.withUnsafeBytes { unsafe string($0) } }

  /// The same for a part of some output.
  mutating func string(utf8 text: ArraySlice<UInt8>) { unsafe text.withUnsafeBytes { unsafe string($0) } }

  private mutating func string(_ text: UnsafeRawBufferPointer) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    if unsafe Self.isPlain(text) {
      unsafe bytes.append(contentsOf: text)
    } else {
      let start = bytes.count
      if unsafe !appendEscaped(text) {
        bytes.removeSubrange(start...)
        var repaired = unsafe String(decoding: text, as: UTF8.self)
        repaired.withUTF8 { _ = unsafe appendEscaped(UnsafeRawBufferPointer($0)) }
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// Whether it needs no escapes, as most text.
  private static func isPlain(_ text: UnsafeRawBufferPointer) -> Bool {
    guard unsafe PrintableText.isPlain(text) else { return false }
    guard let start = text.baseAddress else { return true }
    return unsafe memchr(start, 0x22, text.count) == nil && memchr(start, 0x5c, text.count) == nil
  }

  /// - Returns: false if it is not UTF-8; then nothing that was appended counts.
  private mutating func appendEscaped(_ text: UnsafeRawBufferPointer) -> Bool {
    var plainStart = 0
    var index = 0
    while index < text.count {
      let byte = unsafe text[index]
      if (0x20..<0x7f).contains(byte), byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
        index += 1
        continue
      }
      let (found, length) = unsafe PrintableText.scalar(in: text, at: index)
      guard let scalar = found else { return false }
      if byte < 0x80 || !PrintableText.isHarmless(scalar) {
        unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[plainStart..<index]))
        escape(scalar)
        plainStart = index + length
      }
      index += length
    }
    unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[plainStart...]))
    return true
  }

  private static let hexadecimal = Array("0123456789abcdef".utf8)

  private mutating func escape(_ scalar: Unicode.Scalar) {
    switch scalar {
    case "\"": bytes.append(#"\""#)
    case "\\": bytes.append(#"\\"#)
    case "\n": bytes.append(#"\n"#)
    case "\r": bytes.append(#"\r"#)
    case "\t": bytes.append(#"\t"#)
    default:
      // All of these are below U+10000, so one escape is enough.
      bytes.append(#"\u"#)
      for shift: UInt32 in [12, 8, 4, 0] { bytes.append(Self.hexadecimal[Int(scalar.value >> shift & 15)]) }
    }
  }

  package mutating func number(_ value: UInt64) {
    separate()
    bytes.appendNumber(value)
  }

  package mutating func number(_ value: Int64) {
    separate()
    bytes.appendNumber(value)
  }

  /// JSON has no infinities and NaN; they become strings.
  package mutating func number(_ value: Double) {
    if value.isFinite { literal("\(value)") } else { string("\(value)") }
  }

  package mutating func boolean(_ value: Bool) { literal(value ? "true" : "false") }

  package mutating func null() { literal("null") }

  /// A time in nanoseconds since 1970, as text.
  package mutating func time(_ nanoseconds: Int64) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    clock.appendRFC3339(nanoseconds, to: &bytes)
    bytes.append(UInt8(ascii: "\""))
  }

  /// A value that is JSON already.
  package mutating func raw(_ value: ArraySlice<UInt8>) {
    separate()
    bytes += value
  }

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
    if isAfterKey {
      isAfterKey = false
    } else {
      if needsComma { bytes.append(UInt8(ascii: ",")) }
      if isPretty, depth > 0 { breakLine() }
    }
    needsComma = true
  }

  private mutating func breakLine() {
    bytes.append(UInt8(ascii: "\n"))
    bytes.append(spaces: depth * 2)
  }

  private mutating func nested(_ open: UInt8, _ close: UInt8, _ body: (inout JSONWriter) -> Void) {
    separate()
    bytes.append(open)
    needsComma = false
    depth += 1
    body(&self)
    depth -= 1
    // An empty one stays in its line.
    if isPretty, needsComma { breakLine() }
    bytes.append(close)
    needsComma = true
  }
}
