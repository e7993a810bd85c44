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

  func has(_ text: StaticString) -> Bool { place(of: text, to: line.byteCount) != nil }

  private func place(of text: StaticString, to end: Int) -> Int? {
    guard end > indent else { return nil }
    let count = UInt(text.utf8CodeUnitCount)
    return unsafe line.withUnsafeBytes { bytes -> Int? in
      guard let base = bytes.baseAddress else { return nil }
      let found = unsafe logs_find(base + indent, UInt(end - indent), text.utf8Start, count)
      return found < 0 ? nil : indent + found
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
    while offset < line.byteCount, line[offset].isInName {
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

  /// A line that says of itself that it is an error's, or that something was thrown.
  var isErrorLine: Bool {
    let end = min(line.byteCount, Self.levelByteCountMax)
    var from = indent
    while let place = LiteralSearch.first(UInt8(ascii: "E"), in: line, from: from, to: end) {
      if line.holds("ERROR", at: place) || line.holds("Error:", at: place) || line.holds("Exception", at: place)
        || line.holds("EVERE", at: place)
      {
        return true
      }
      from = place + 1
    }
    if let place = place(of: "AL", to: end) {
      return line.holds("FAT", at: place - 3) || line.holds("CRITIC", at: place - 6)
    }
    return place(of: "panic", to: end) != nil
  }

  /// How far into a line its level is looked for.
  private static let levelByteCountMax = 160

  /// The registers of a dump: `rax    0x0`.
  var isRegister: Bool {
    var offset = indent
    while offset < line.byteCount, line[offset].isLetter || line[offset].isDigit { offset += 1 }
    guard (2...7).contains(offset - indent), offset < line.byteCount, line[offset].isBlank else { return false }
    while offset < line.byteCount, line[offset].isBlank { offset += 1 }
    return line.holds("0x", at: offset)
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
