package import LogsWire

/// How `logs push` reads a line.
package enum LineFormat: String, CaseIterable, Sendable {
  /// The line is the message.
  case raw
  /// JSON objects: time, level, source and message are taken from their usual names, the others are attributes.
  case json
  /// The same for `key=value` pairs.
  case logfmt
  /// JSON if it is an object, logfmt if all of it is pairs, else raw.
  case auto

  /// The entry that a line becomes. A line that is not in the format is taken as it is, never dropped.
  package func entry(_ line: Bytes, like template: Entry) -> Entry {
    let members: [Attribute]? =
      switch self {
      case .raw: nil
      case .json: JSONReader.object(line)
      case .logfmt: LogfmtReader.pairs(line)
      case .auto: JSONReader.object(line) ?? LogfmtReader.pairs(line)
      }
    var entry = template
    entry.message = line
    guard let members, fits(members, line) else { return entry }
    // Without a message of its own the line stays the message, so that nothing of it is lost.
    guard members.contains(where: { Self.role(of: $0) == .message }) else {
      return Self.fill(entry, members, keeps: true)
    }
    return Self.fill(entry, members, keeps: false)
  }

  /// Whether an entry can hold the members (spec/limits.md).
  private func fits(_ members: [Attribute], _ line: Bytes) -> Bool {
    var room = 256
    func fits(_ members: [Attribute], depth: Int, keys: ClosedRange<Int>) -> Bool {
      members.allSatisfy { keys.contains($0.key.utf8.count) && fits($0.value, depth: depth) }
    }
    func fits(_ value: AttributeValue, depth: Int) -> Bool {
      room -= 1
      switch value {
      case .list(let values): return depth < 8 && room >= 0 && values.allSatisfy { fits($0, depth: depth + 1) }
      case .map(let members): return depth < 8 && room >= 0 && fits(members, depth: depth + 1, keys: 0...255)
      case .empty, .string, .boolean, .integer, .double, .bytes: return room >= 0
      }
    }
    // The encoded form is shorter than the text, but for short numbers.
    return line.count <= 32 << 10 && fits(members, depth: 0, keys: 1...255)
  }

  private enum Role { case time, level, source, message, attribute }

  private static func role(of member: Attribute) -> Role {
    switch member.key.lowercased() {
    case "time", "timestamp", "ts", "@timestamp": time(member.value) == nil ? .attribute : .time
    case "level", "severity", "lvl", "levelname": severity(member.value) == nil ? .attribute : .level
    case "source", "logger", "service":
      if case .string(let text) = member.value, text.utf8.count <= 255 { .source } else { .attribute }
    case "message", "msg", "event": if case .string = member.value { .message } else { .attribute }
    default: .attribute
    }
  }

  private static func fill(_ entry: Entry, _ members: [Attribute], keeps isMessageKept: Bool) -> Entry {
    var entry = entry
    var seen: Set<Role> = []
    for member in members {
      let role = role(of: member)
      // The first of several names for one thing counts; the others stay attributes.
      let isFirst = role == .attribute || seen.insert(role).inserted
      switch (isFirst ? role : .attribute, member.value) {
      case (.time, let value): entry.time = time(value) ?? entry.time
      case (.level, let value): entry.severity = severity(value) ?? entry.severity
      case (.source, .string(let text)): entry.source = Bytes(text)
      case (.message, .string(let text)): entry.message = Bytes(text)
      case (.attribute, _), (.source, _), (.message, _): if !isMessageKept { entry.attributes.append(member) }
      }
    }
    return entry
  }

  private static func severity(_ value: AttributeValue) -> Severity? {
    switch value {
    case .string(let name): Severity(name: name)
    // Bunyan and pino count in tens: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal.
    case .integer(let number):
      switch number {
      case 10: .trace
      case 20: .debug
      case 30: .info
      case 40: .warning
      case 50: .error
      case 60: .critical
      default: UInt8(exactly: number).flatMap { Severity(number: $0) }
      }
    case .empty, .boolean, .double, .list, .map, .bytes: nil
    }
  }

  /// RFC 3339, or a number of seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by its size.
  private static func time(_ value: AttributeValue) -> Int64? {
    switch value {
    case .string(let text): return TimeText.dateTime(text)
    case .integer(let number):
      switch number {
      case 1..<100_000_000_000:
        return number.multipliedReportingOverflow(by: 1_000_000_000).overflow ? nil : number * 1_000_000_000
      case 100_000_000_000..<100_000_000_000_000: return number * 1_000_000
      case 100_000_000_000_000..<100_000_000_000_000_000: return number * 1_000
      case 100_000_000_000_000_000...: return number
      default: return nil
      }
    case .double(let seconds):
      guard seconds > 0, seconds < 9e9 else { return nil }
      return Int64(seconds * 1_000_000) * 1_000
    case .empty, .boolean, .list, .map, .bytes: return nil
    }
  }
}
