package import LogsWire

/// An entry as `logs export` has written it (`docs/export.md`), read from its line.
package struct ExportedEntry: Sendable {
  package let stream: StreamName
  /// With the number and the received time that it had.
  package private(set) var entry: LogEntry

  /// Names that only the server may append to are read as well.
  ///
  /// - Throws: `ExportMistake` for what is no such line, or has what no entry can hold.
  package init(_ line: RawSpan) throws(ExportMistake) {
    // Tags of maps nest, too.
    guard let object = JSONReader.object(line, depthMax: 2 * Limits.attributeDepthMax + 2) else {
      throw ExportMistake("it is not a JSON object")
    }
    guard object.omittedCount == 0 else { throw ExportMistake("its attributes nest too deep") }
    if let inexactness = object.inexactness { throw ExportMistake(inexactness) }
    var stream: StreamName?
    var level: LogSeverity?
    var severity: LogSeverity?
    var message: ByteString?
    var entry = LogEntry(message: ByteString())
    for member in object.members {
      switch member.key {
      case "stream": stream = try Self.name(member)
      case "seq": entry.sequence = UInt64(try Self.integer(member, atMost: .max))
      case "time": entry.time = try Self.time(member)
      case "received": entry.received = try Self.time(member)
      case "severity":
        severity = LogSeverity(number: UInt8(try Self.integer(member, atMost: .init(UInt8.max))))
        if severity == nil { throw ExportMistake(member, "a severity from 0 to 24") }
      case "level": level = try Self.level(member)
      case "source": entry.source = ByteString(try Self.text(member))
      case "source_base64": entry.source = try Self.bytes(member)
      case "message": message = ByteString(try Self.text(member))
      case "message_base64": message = try Self.bytes(member)
      case "attributes":
        guard case .map(let members) = member.value else { throw ExportMistake(member, "an object") }
        entry.attributes = try Self.attributes(members)
      case "kind": entry.kind = try Self.kind(member)
      default: throw ExportMistake("no entry has '\(PrintableText.escaped(member.key))'")
      }
    }
    guard let stream else { throw ExportMistake("it does not say its stream") }
    guard let message else { throw ExportMistake("it has no message") }
    entry.message = message
    entry.severity = severity ?? level ?? .unspecified
    try Self.check(entry)
    (self.stream, self.entry) = (stream, entry)
  }

  /// What no batch can hold would be cut or left out.
  private static func check(_ entry: LogEntry) throws(ExportMistake) {
    let limit = entry.kind == .complete ? Limits.completionTextByteCountMax : Limits.messageByteCountMax
    if entry.message.count > limit {
      throw ExportMistake("its message has \(entry.message.count) bytes; the limit is \(limit)")
    }
    if entry.source.count > Limits.sourceByteCountMax {
      throw ExportMistake("its source has \(entry.source.count) bytes; the limit is \(Limits.sourceByteCountMax)")
    }
    do throws(InvalidEntry) { try BatchBuilder.check(entry.attributes) } catch {
      throw ExportMistake(error.description)
    }
  }

  // MARK: Fields

  private static func text(_ member: LogAttribute) throws(ExportMistake) -> String {
    guard case .string(let text) = member.value else { throw ExportMistake(member, "a text") }
    return text
  }

  private static func bytes(_ member: LogAttribute) throws(ExportMistake) -> ByteString {
    guard let bytes = Base64.decode(try text(member)) else { throw ExportMistake(member, "bytes in base64") }
    return bytes
  }

  private static func integer(_ member: LogAttribute, atMost limit: Int64) throws(ExportMistake) -> Int64 {
    guard case .integer(let number) = member.value, (0...limit).contains(number) else {
      throw ExportMistake(member, "a number from 0 to \(limit)")
    }
    return number
  }

  private static func name(_ member: LogAttribute) throws(ExportMistake) -> StreamName {
    let text = try text(member)
    do throws(LogError) {
      return try text.utf8.first == UInt8(ascii: "$") ? StreamName(server: text) : StreamName(text)
    } catch { throw ExportMistake(error.message) }
  }

  /// 0 for none.
  private static func time(_ member: LogAttribute) throws(ExportMistake) -> Int64 {
    if case .empty = member.value { return 0 }
    let text = try text(member)
    var scanner = TextScanner(unsafe text.utf8.span.bytes)
    guard let time = scanner.isoDateTime(), scanner.isAtEnd, time.hasZone,
      let nanoseconds = time.nanoseconds(TimeRules(zone: .utc, now: 0))
    else { throw ExportMistake(member, "null or a time like 2026-01-10T12:00:00.123456789Z") }
    return nanoseconds
  }

  private static func level(_ member: LogAttribute) throws(ExportMistake) -> LogSeverity {
    let text = try text(member)
    if text == LogSeverity.unspecified.description { return .unspecified }
    guard let severity = LogSeverity(name: text) else { throw ExportMistake(member, "the name of a level") }
    return severity
  }

  private static func kind(_ member: LogAttribute) throws(ExportMistake) -> LogEntry.Kind {
    switch try text(member) {
    case "log": return .log
    case "status": return .status
    case "complete": return .complete
    default: throw ExportMistake(member, "log, status or complete")
    }
  }

  // MARK: Attributes

  private static func attributes(_ members: [LogAttribute]) throws(ExportMistake) -> [LogAttribute] {
    var attributes: [LogAttribute] = []
    attributes.reserveCapacity(members.count)
    for member in members { attributes.append(LogAttribute(member.key, try value(member.value))) }
    return attributes
  }

  private static func value(_ value: AttributeValue) throws(ExportMistake) -> AttributeValue {
    switch value {
    case .empty, .string, .boolean, .integer, .double: return value
    case .bytes: throw ExportMistake("it is not UTF-8")
    case .list(let values):
      var read: [AttributeValue] = []
      for value in values { read.append(try Self.value(value)) }
      return .list(read)
    case .map(let members):
      guard members.count == 1, let tag = ExportTag(rawValue: members[0].key) else {
        return .map(try attributes(members))
      }
      switch (tag, members[0].value) {
      case (.map, .map(let inner)): return .map(try attributes(inner))
      case (.bytes, .string): return .bytes(try bytes(members[0]))
      case (.double, .string(let text)):
        guard let number = double(text) else { fallthrough }
        return .double(number)
      default: throw ExportMistake(members[0], "what docs/export.md says")
      }
    }
  }

  /// What JSON has no number for: `inf`, `-inf`, or the bits of a NaN.
  private static func double(_ text: String) -> Double? {
    switch text {
    case "inf": return .infinity
    case "-inf": return -.infinity
    default:
      guard text.hasPrefix("0x"), text.utf8.count == 18, let bits = UInt64(text.dropFirst(2), radix: 16) else {
        return nil
      }
      return Double(bitPattern: bits)
    }
  }
}

/// Why a line is not one that `logs export` writes.
package struct ExportMistake: Error, Hashable, Sendable, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }

  fileprivate init(_ member: LogAttribute, _ form: String) {
    self.init("its '\(PrintableText.escaped(member.key))' is not \(form)")
  }
}
