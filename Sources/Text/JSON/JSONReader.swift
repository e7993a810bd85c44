internal import LogsWire

/// Reads one JSON value (RFC 8259) from a line; members keep their order.
struct JSONReader {
  private let bytes: [UInt8]
  private var offset = 0

  /// Nesting beyond this is no log line; the reader goes down once a level.
  private static let depthMax = 32

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The members of the object that the whole line is; nil when it is something else.
  static func object(_ line: Bytes) -> [Attribute]? {
    var reader = JSONReader(line.array)
    reader.skipSpace()
    guard let value = reader.value(depth: 0), case .map(let members) = value else { return nil }
    reader.skipSpace()
    return reader.offset == reader.bytes.count ? members : nil
  }

  private var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

  private mutating func take(_ byte: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: byte) else { return false }
    offset += 1
    return true
  }

  private mutating func take(word: StaticString) -> Bool {
    let length = word.utf8CodeUnitCount
    guard bytes.count - offset >= length, bytes[offset..<offset + length].elementsEqual(word.description.utf8) else {
      return false
    }
    offset += length
    return true
  }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || (byte >= 0x09 && byte <= 0x0d && byte != 0x0b && byte != 0x0c) {
      offset += 1
    }
  }

  private mutating func value(depth: Int) -> AttributeValue? {
    guard depth < Self.depthMax, let first = next else { return nil }
    switch first {
    case UInt8(ascii: "{"): return object(depth: depth)
    case UInt8(ascii: "["): return list(depth: depth)
    case UInt8(ascii: "\""): return string().map { .string($0) }
    case UInt8(ascii: "t"): return take(word: "true") ? .boolean(true) : nil
    case UInt8(ascii: "f"): return take(word: "false") ? .boolean(false) : nil
    case UInt8(ascii: "n"): return take(word: "null") ? .empty : nil
    default: return number()
    }
  }

  private mutating func object(depth: Int) -> AttributeValue? {
    offset += 1
    var members: [Attribute] = []
    var places: [String: Int] = [:]
    skipSpace()
    if take("}") { return .map(members) }
    repeat {
      skipSpace()
      guard next == UInt8(ascii: "\""), let key = string() else { return nil }
      skipSpace()
      guard take(":") else { return nil }
      skipSpace()
      guard let value = value(depth: depth + 1) else { return nil }
      // Of a name that comes twice the last one counts, as JSON readers do.
      if let place = places[key] {
        members[place].value = value
      } else {
        places[key] = members.count
        members.append(Attribute(key, value))
      }
      skipSpace()
    } while take(",")
    return take("}") ? .map(members) : nil
  }

  private mutating func list(depth: Int) -> AttributeValue? {
    offset += 1
    var values: [AttributeValue] = []
    skipSpace()
    if take("]") { return .list(values) }
    repeat {
      skipSpace()
      guard let value = value(depth: depth + 1) else { return nil }
      values.append(value)
      skipSpace()
    } while take(",")
    return take("]") ? .list(values) : nil
  }

  private mutating func number() -> AttributeValue? {
    let start = offset
    while let byte = next,
      byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: ".")
        || byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E")
        || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"))
    {
      offset += 1
    }
    let text = String(decoding: bytes[start..<offset], as: UTF8.self)
    if let integer = Int64(text) { return .integer(integer) }
    return Double(text).map { .double($0) }
  }

  private mutating func string() -> String? {
    offset += 1
    var content: [UInt8] = []
    while let byte = next {
      offset += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: content, as: UTF8.self)
      case UInt8(ascii: "\\"):
        guard let scalar = escape() else { return nil }
        content.append(contentsOf: String(scalar).utf8)
      case 0..<0x20: return nil
      default: content.append(byte)
      }
    }
    return nil
  }

  private mutating func escape() -> Unicode.Scalar? {
    guard let byte = next else { return nil }
    offset += 1
    switch byte {
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "b"): return "\u{08}"
    case UInt8(ascii: "f"): return "\u{0c}"
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "u"):
      guard let high = hexadecimal() else { return nil }
      guard (0xd800..<0xdc00).contains(high) else { return Unicode.Scalar(high) ?? "\u{FFFD}" }
      // A character beyond U+FFFF is written as two.
      guard take("\\"), take("u"), let low = hexadecimal(), (0xdc00..<0xe000).contains(low) else { return "\u{FFFD}" }
      return Unicode.Scalar(0x10000 + (high - 0xd800) << 10 + (low - 0xdc00))
    default: return nil
    }
  }

  private mutating func hexadecimal() -> UInt32? {
    guard bytes.count - offset >= 4 else { return nil }
    defer { offset += 4 }
    return UInt32(String(decoding: bytes[offset..<offset + 4], as: UTF8.self), radix: 16)
  }
}
