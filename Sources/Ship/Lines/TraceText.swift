internal import CSystem
internal import LogsWire

/// What the beginnings of lines tell about stack traces.
struct TraceText: ~Escapable {
  let line: RawSpan
  /// Where the text begins behind spaces and tabs.
  let indent: Int

  @_lifetime(copy line)
  init(_ line: RawSpan) {
    var indent = 0
    while indent < line.byteCount, line[indent].isBlank { indent += 1 }
    // A carriage return in front of the line's end is no text.
    if indent + 1 == line.byteCount, line[indent] == UInt8(ascii: "\r") { indent += 1 }
    self.line = line
    self.indent = indent
  }

  var isBlank: Bool { indent == line.byteCount }
  var isIndented: Bool { indent > 0 && !isBlank }
  var first: UInt8 { isBlank ? 0 : line[indent] }

  func begins(_ prefix: StaticString) -> Bool { line.holds(prefix, at: indent) }

  func has(_ text: StaticString) -> Bool {
    let count = UInt(text.utf8CodeUnitCount)
    return unsafe line.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return false }
      return unsafe logs_find(base + indent, UInt(bytes.count - indent), text.utf8Start, count) >= 0
    }
  }

  func ends(_ suffix: StaticString) -> Bool {
    var end = line.byteCount
    if end > 0, line[end - 1] == UInt8(ascii: "\r") { end -= 1 }
    let start = end - suffix.utf8CodeUnitCount
    return start >= indent && line.holds(suffix, at: start)
  }

  /// `    at com.example.Main.run(Main.java:7)`, `    ... 12 more`, `    from app.rb:3:in 'run'`.
  var isFrame: Bool {
    guard indent > 0 else { return false }
    switch first {
    case UInt8(ascii: "a"): return begins("at ")
    case UInt8(ascii: "."): return begins("... ") && (ends(" more") || has(" common frames omitted"))
    case UInt8(ascii: "f"): return begins("from ") && has(":in ")
    default: return false
    }
  }

  /// What introduces another exception in the trace of one.
  var isCause: Bool {
    switch first {
    case UInt8(ascii: "C"): return begins("Caused by: ")
    case UInt8(ascii: "S"): return begins("Suppressed: ")
    case UInt8(ascii: "W"): return begins("Wrapped by: ")
    case UInt8(ascii: "-"): return begins("---> ") || begins("--- End of ")
    case UInt8(ascii: "["): return begins("[CIRCULAR REFERENCE")
    default: return false
    }
  }

  /// `java.lang.IllegalStateException: text`, `TypeError: text`, `Exception in thread "main" ...`.
  var isException: Bool {
    guard first.isLetter else { return false }
    if begins("Exception in thread ") || begins("Unhandled exception") || begins("Uncaught ") { return true }
    var offset = indent
    var dotCount = 0
    var segment = indent
    let end = min(line.byteCount, indent + Self.nameByteCountMax)
    while offset < end, line[offset].isInName {
      if line[offset] == UInt8(ascii: ".") {
        dotCount += 1
        segment = offset + 1
      }
      offset += 1
    }
    guard segment < offset, (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(line[segment]) else { return false }
    let isAtEnd =
      offset == line.byteCount || line[offset] == UInt8(ascii: ":") || line[offset] == UInt8(ascii: "\r")
      || line.holds(" [", at: offset) && has("]: ")
    guard isAtEnd else { return false }
    return dotCount > 0
      || offset - segment > 5 && (line.holds("Error", at: offset - 5) || line.holds("Exception", at: offset - 9))
      || line.holds("Error: ", at: segment)
  }

  /// What a line reports of itself.
  enum Report {
    case nothing
    /// An error, or that something was thrown.
    case error
    /// What Swift says when it ends a program.
    case fatalOfSwift
  }

  var report: Report {
    if hasMarker(UInt8(ascii: "E"), Self.isError) { return .error }
    if hasMarker(UInt8(ascii: "F"), { $0.holds("FATAL", at: $1) }) { return .error }
    if hasMarker(UInt8(ascii: "F"), { $0.holds("Fatal error: ", at: $1) }), begins("Fatal error: ") || has(".swift") {
      return .fatalOfSwift
    }
    if hasMarker(UInt8(ascii: "C"), { $0.holds("CRITICAL", at: $1) }) || isPanicOfServer { return .error }
    return .nothing
  }

  private static func isError(_ line: RawSpan, _ place: Int) -> Bool {
    line.holds("ERROR", at: place) || line.holds("Error:", at: place) || line.holds("Exception", at: place)
      || line.holds("EVERE", at: place)
  }

  /// `2026/01/10 12:00:00 http: panic serving 127.0.0.1:51234: boom`
  private var isPanicOfServer: Bool {
    line.holds("http: panic serving ", at: indent) || line.holds("http: panic serving ", at: indent + 20)
  }

  /// Whether what begins with `byte` is near the line's beginning.
  private func hasMarker(_ byte: UInt8, _ holds: (RawSpan, Int) -> Bool) -> Bool {
    let end = min(line.byteCount, Self.levelByteCountMax)
    var from = indent
    while let place = LiteralSearch.first(byte, in: line, from: from, to: end) {
      if holds(line, place) { return true }
      from = place + 1
    }
    return false
  }

  private static let nameByteCountMax = 300
  /// How far into a line its level is looked for.
  private static let levelByteCountMax = 100

  /// The registers of a dump: `rax    0x0`.
  var isRegister: Bool {
    var offset = indent
    while offset < line.byteCount, line[offset].isLetter || line[offset].isDigit { offset += 1 }
    guard (2...7).contains(offset - indent), offset < line.byteCount, line[offset].isBlank else { return false }
    while offset < line.byteCount, line[offset].isBlank { offset += 1 }
    return line.holds("0x", at: offset)
  }

  /// `0      0x00007f5c2a5f8b9c main + 100`, `1 [ra] 0x...`, `0x...-0x... image`.
  var isSwiftFrame: Bool {
    var offset = indent
    while offset < line.byteCount, line[offset].isDigit { offset += 1 }
    guard (1...4).contains(offset - indent), offset < line.byteCount else { return false }
    return line[offset].isBlank || offset - indent == 1 && line.holds("0x", at: indent)
  }

  /// A function in a dump of goroutines: `main.run(0x1, ...)`, `created by main.main in goroutine 1`.
  var isGoFunction: Bool {
    guard indent == 0, !isBlank else { return false }
    if begins("created by ") || begins("...") { return true }
    guard ends(")") else { return false }
    guard let open = LiteralSearch.first(UInt8(ascii: "("), in: line, from: 0, to: line.byteCount) else { return false }
    return open > 0 && LiteralSearch.first(UInt8(ascii: " "), in: line, from: 0, to: open) == nil
  }

  /// `/app/index.js:12`, `node:internal/modules:3`, above the source of what was thrown.
  var isScriptPlace: Bool {
    guard indent == 0, begins("/") || begins("file://") || begins("node:"), !has(" ") else { return false }
    var end = line.byteCount
    if line[end - 1] == UInt8(ascii: "\r") { end -= 1 }
    var start = end
    while start > 0, line[start - 1].isDigit { start -= 1 }
    return start > 0 && start < end && line[start - 1] == UInt8(ascii: ":")
  }
}

extension RawSpan {
  fileprivate subscript(index: Int) -> UInt8 { unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self) }

  fileprivate func holds(_ text: StaticString, at offset: Int) -> Bool {
    let count = text.utf8CodeUnitCount
    guard offset >= 0, offset + count <= byteCount else { return false }
    for index in 0..<count where unsafe text.utf8Start[index] != self[offset + index] { return false }
    return true
  }
}

extension UInt8 {
  fileprivate var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }
  fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
  fileprivate var isLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) }
  fileprivate var isInName: Bool {
    isLetter || isDigit || self == UInt8(ascii: ".") || self == UInt8(ascii: "_") || self == UInt8(ascii: "$")
  }
}
