import LogsWire

@testable import LogsText

/// What must hold for all lines in all formats.
struct ReaderChecker: ~Copyable {
  private let template: LogEntry
  private let rules: TimeRules
  private var builder = BatchBuilder(seed: 1)
  /// Lines whose message is not the whole line.
  private(set) var structuredCount = 0

  struct Broken: Error, CustomStringConvertible { let description: String }

  init(_ template: LogEntry, _ rules: TimeRules) {
    self.template = template
    self.rules = rules
  }

  mutating func check(_ bytes: [UInt8]) throws {
    let line = ByteString(bytes)
    for format in [LineFormat.raw, .json, .logfmt, .syslog, .auto] {
      let entry = format.entry(line, like: template, rules)
      if try builder.append(entry) == .full {
        builder.removeAll()
        _ = try builder.append(entry)
      }
      if entry.time != template.time, entry.time <= 0 {
        throw Broken(description: "\(format) makes the time \(entry.time)")
      }
      if entry.message != line { structuredCount += 1 }
      if format == .raw { try expect(entry == raw(line), "raw is the line alone") }
      if format == .json { try checkMembers(entry, line) }
    }
    for format in LineFormat.allCases { _ = format.entry(line, like: template, rules) }
  }

  private func raw(_ line: ByteString) -> LogEntry {
    var entry = template
    entry.message = line
    return entry
  }

  private func expect(_ holds: Bool, _ rule: String) throws { if !holds { throw Broken(description: rule) } }

  /// If the message is not the whole line, each member is a field of the entry, an attribute, or counted.
  private func checkMembers(_ entry: LogEntry, _ line: ByteString) throws {
    guard let object = JSONReader.object(LineFormat.text(of: line).span) else {
      return try expect(entry == raw(line), "what is no JSON is taken as it is")
    }
    guard entry.message != line else { return }
    let pick = FieldPick(object.members, rules)
    let taken = [pick.time?.place, pick.severity?.place, pick.source?.place, pick.message?.place].compactMap(\.self)
    var missing = object.omittedCount
    for (index, member) in object.members.enumerated() {
      if taken.contains(where: { $0.member == index && $0.child == nil })
        || member.key == LogEntry.truncatedAttributesKey
      {
        continue
      }
      let children = taken.filter { $0.member == index }.compactMap(\.child)
      guard let kept = entry.attributes.first(where: { $0.key.utf8.elementsEqual(member.key.utf8) }) else {
        if case .map(let members) = member.value, members.count == children.count, !children.isEmpty { continue }
        missing += 1
        continue
      }
      if children.isEmpty { try expect(isSame(kept.value, member.value), "the attribute \(member.key) is another") }
    }
    var counted = 0
    for attribute in entry.attributes where attribute.key == LogEntry.truncatedAttributesKey {
      if case .integer(let count) = attribute.value { counted = Int(count) }
    }
    let forged = object.members.contains { $0.key == LogEntry.truncatedAttributesKey }
    try expect(forged || counted == missing, "\(missing) members are missing, \(counted) are counted")
    if let time = pick.time { try expect(entry.time == time.value, "the time is the member's") }
    if let severity = pick.severity { try expect(entry.severity == severity.value, "the level is the member's") }
    if let source = pick.source { try expect(entry.source == source.value, "the source is the member's") }
    if let message = pick.message { try expect(entry.message == message.value, "the message is the member's") }
  }

  /// NaN is never equal to itself, so the texts are compared.
  private func isSame(_ left: AttributeValue, _ right: AttributeValue) -> Bool {
    left == right || "\(left)" == "\(right)"
  }
}
