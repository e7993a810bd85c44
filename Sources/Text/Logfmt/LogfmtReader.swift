internal import LogsWire

/// Reads a line of `key=value` pairs, values with spaces in double quotes.
enum LogfmtReader {
  /// The pairs of the line; nil when any word of it is no pair.
  static func pairs(_ line: Bytes) -> [Attribute]? {
    let bytes = line.array
    var pairs: [Attribute] = []
    var keys: Set<String> = []
    var offset = 0
    while true {
      while offset < bytes.count, isSpace(bytes[offset]) { offset += 1 }
      guard offset < bytes.count else { return pairs.isEmpty ? nil : pairs }
      let start = offset
      while offset < bytes.count, isKey(bytes[offset]) { offset += 1 }
      guard offset > start, offset < bytes.count, bytes[offset] == UInt8(ascii: "=") else { return nil }
      let key = String(decoding: bytes[start..<offset], as: UTF8.self)
      offset += 1
      guard let value = value(bytes, &offset), keys.insert(key).inserted else { return nil }
      pairs.append(Attribute(key, value))
    }
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0d }

  private static func isKey(_ byte: UInt8) -> Bool {
    byte > 0x20 && byte != UInt8(ascii: "=") && byte != UInt8(ascii: "\"") && byte != 0x7f
  }

  private static func value(_ bytes: [UInt8], _ offset: inout Int) -> AttributeValue? {
    guard offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") else {
      let start = offset
      while offset < bytes.count, !isSpace(bytes[offset]) { offset += 1 }
      return typed(String(decoding: bytes[start..<offset], as: UTF8.self))
    }
    offset += 1
    var content: [UInt8] = []
    while offset < bytes.count {
      let byte = bytes[offset]
      offset += 1
      switch byte {
      case UInt8(ascii: "\""): return .string(String(decoding: content, as: UTF8.self))
      case UInt8(ascii: "\\"):
        guard offset < bytes.count else { return nil }
        content.append(
          bytes[offset] == UInt8(ascii: "n") ? 0x0a : bytes[offset] == UInt8(ascii: "t") ? 0x09 : bytes[offset])
        offset += 1
      default: content.append(byte)
      }
    }
    return nil
  }

  private static func typed(_ text: String) -> AttributeValue {
    switch text {
    case "true": .boolean(true)
    case "false": .boolean(false)
    default: Int64(text).map { .integer($0) } ?? .string(text)
    }
  }
}
