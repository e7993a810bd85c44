internal import LogsWire

/// Reads a line that is one JSON object (strictly by RFC 8259), in time and memory proportional to the line.
///
/// Recurses only as deep as members may nest; anything deeper is scanned without building it.
struct JSONReader: ~Escapable {
  var scanner: TextScanner
  /// Values read, at any depth.
  private var valueCount = 0
  private var hasOddKey = false
  /// Whether the current member nests deeper than is wanted.
  private var isTooDeep = false
  private let depthMax: Int
  /// What the values do not say as it was written: the first of it, in words.
  private var inexactness: String?

  @_lifetime(copy bytes)
  private init(_ bytes: RawSpan, depthMax: Int) {
    scanner = TextScanner(bytes)
    self.depthMax = depthMax
  }

  /// The object; nil if the line is something else.
  ///
  /// - Parameter depthMax: how deep a member may nest; deeper ones are left out and counted.
  static func object(_ line: RawSpan, depthMax: Int = Limits.attributeDepthMax) -> StructuredLine? {
    var reader = JSONReader(line, depthMax: depthMax)
    reader.skipSpace()
    guard reader.scanner.next == UInt8(ascii: "{"), let object = reader.line() else { return nil }
    reader.skipSpace()
    return reader.scanner.isAtEnd ? object : nil
  }

  /// The members of the outermost object. Members that are too deep keep their place until the end, since the last one
  /// of a name counts, even if it is too deep.
  @_lifetime(self: copy self)
  private mutating func line() -> StructuredLine? {
    scanner.offset += 1
    var members: [LogAttribute] = []
    var keys = KeyPlaces()
    var tooDeep: Set<Int> = []
    skipSpace()
    if !scanner.take("}") {
      repeat {
        isTooDeep = false
        guard let key = key(), let value = value(depth: 0) else { return nil }
        if key.isEmpty { hasOddKey = true }
        let place = insert(LogAttribute(key, value), &keys, into: &members)
        if isTooDeep { tooDeep.insert(place) } else { tooDeep.remove(place) }
        skipSpace()
      } while scanner.take(",")
      guard scanner.take("}") else { return nil }
    }
    var line = StructuredLine(members: members)
    if !tooDeep.isEmpty { line.members = members.indices.filter { !tooDeep.contains($0) }.map { members[$0] } }
    line.omittedCount = tooDeep.count
    line.inexactness = inexactness
    line.fitsSurely = !hasOddKey && valueCount <= Limits.attributeCountMax
    return line
  }

  @_lifetime(self: copy self)
  private mutating func value(depth: Int) -> AttributeValue? {
    valueCount += 1
    switch scanner.next {
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      guard depth < depthMax else {
        isTooDeep = true
        return skipNested() ? .empty : nil
      }
      return scanner.next == UInt8(ascii: "{") ? map(depth: depth) : list(depth: depth)
    case UInt8(ascii: "\""): return text()
    case UInt8(ascii: "t"): return scanner.take(word: "true") ? .boolean(true) : nil
    case UInt8(ascii: "f"): return scanner.take(word: "false") ? .boolean(false) : nil
    case UInt8(ascii: "n"): return scanner.take(word: "null") ? .empty : nil
    default:
      let number = JSONNumber.read(&scanner)
      if case .string(let digits)? = number { note("\(digits.prefix(40)) is a number that no entry can hold") }
      return number
    }
  }

  mutating func note(_ inexactness: String) {
    if self.inexactness == nil { self.inexactness = inexactness }
  }

  private mutating func insert(
    _ member: LogAttribute, _ keys: inout KeyPlaces, into members: inout [LogAttribute]
  ) -> Int {
    let count = members.count
    let place = keys.insert(member, into: &members)
    if members.count == count { note("it has '\(PrintableText.escaped(String(member.key.prefix(255))))' twice") }
    return place
  }

  @_lifetime(self: copy self)
  private mutating func map(depth: Int) -> AttributeValue? {
    scanner.offset += 1
    var members: [LogAttribute] = []
    var keys = KeyPlaces()
    skipSpace()
    if scanner.take("}") { return .map(members) }
    repeat {
      guard let key = key(), let value = value(depth: depth + 1) else { return nil }
      _ = insert(LogAttribute(key, value), &keys, into: &members)
      skipSpace()
    } while scanner.take(",")
    return scanner.take("}") ? .map(members) : nil
  }

  @_lifetime(self: copy self)
  private mutating func list(depth: Int) -> AttributeValue? {
    scanner.offset += 1
    var values: [AttributeValue] = []
    skipSpace()
    if scanner.take("]") { return .list(values) }
    repeat {
      skipSpace()
      guard let value = value(depth: depth + 1) else { return nil }
      values.append(value)
      skipSpace()
    } while scanner.take(",")
    return scanner.take("]") ? .list(values) : nil
  }

  /// A name and everything up to its value. A key is text: a line with a key that is not UTF-8 is not JSON.
  @_lifetime(self: copy self)
  private mutating func key() -> String? {
    skipSpace()
    guard scanner.next == UInt8(ascii: "\""), case .string(let key) = text() else { return nil }
    if key.utf8.count > Limits.attributeKeyByteCountMax { hasOddKey = true }
    skipSpace()
    guard scanner.take(":") else { return nil }
    skipSpace()
    return key
  }

  @_lifetime(self: copy self)
  private mutating func skipSpace() {
    while let byte = scanner.next, byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { scanner.offset += 1 }
  }

  /// Scans a list or map of any depth.
  ///
  /// - Returns: false if it is not JSON.
  @_lifetime(self: copy self)
  private mutating func skipNested() -> Bool {
    var open: [UInt8] = []
    while true {
      switch scanner.next {
      case UInt8(ascii: "{"):
        scanner.offset += 1
        skipSpace()
        if scanner.take("}") { break }
        open.append(UInt8(ascii: "}"))
        guard key() != nil else { return false }
        continue
      case UInt8(ascii: "["):
        scanner.offset += 1
        skipSpace()
        if scanner.take("]") { break }
        open.append(UInt8(ascii: "]"))
        continue
      default: guard value(depth: 0) != nil else { return false }
      }
      var hasNext = false
      while !hasNext, let close = open.last {
        skipSpace()
        if scanner.take(",") {
          skipSpace()
          if close == UInt8(ascii: "}"), key() == nil { return false }
          hasNext = true
        } else {
          guard scanner.next == close else { return false }
          scanner.offset += 1
          open.removeLast()
        }
      }
      if !hasNext { return true }
    }
  }
}
