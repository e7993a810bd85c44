internal import LogsWire

/// Picks the members of a line that an entry has fields for, by their names, in any order.
struct FieldPick {
  struct Place {
    let member: Int
    /// The index in the member's map.
    let child: Int?
  }

  struct Choice<Value> {
    let value: Value
    let place: Place
    let rank: Int
  }

  private(set) var time: Choice<Int64>?
  private(set) var severity: Choice<LogSeverity>?
  private(set) var source: Choice<ByteString>?
  private(set) var message: Choice<ByteString>?

  private let rules: TimeRules
  private var hints: Set<FieldName.Hint> = []
  /// A level whose scale depends on the rest of the line, MongoDB's letter, and a name that may be the logger's.
  private var digit: Int?
  private var letter: Int?
  private var name: Int?

  /// An empty message: any other name for the message is better.
  private static let emptyRank = 1_000

  init(_ members: [LogAttribute], _ rules: TimeRules) {
    self.rules = rules
    for index in members.indices { consider(members[index], index) }
    settle(members)
  }

  private mutating func consider(_ member: LogAttribute, _ index: Int) {
    if member.key == "s" { letter = index }
    guard let name = FieldName.named(member.key) else { return }
    if let hint = name.hint { note(hint, member.value) }
    if let role = name.role {
      if member.key.lowercased() == "name" {
        self.name = index
      } else {
        take(member, role, name.rank, Place(member: index, child: nil))
      }
    }
    guard !name.children.isEmpty, case .map(let children) = member.value else { return }
    for (place, child) in children.enumerated() {
      guard let field = name.children[child.key] ?? name.children[child.key.lowercased()], let role = field.role else {
        continue
      }
      take(child, role, field.rank, Place(member: index, child: place))
    }
  }

  private mutating func note(_ hint: FieldName.Hint, _ value: AttributeValue) {
    switch hint {
    case .gelfVersion: if value == "1.1" || value == "1.0" { hints.insert(hint) }
    case .container: if value == "stdout" || value == "stderr" { hints.insert(hint) }
    case .gelfText, .python, .nodeHost, .nodeProcess, .clef: hints.insert(hint)
    }
  }

  private mutating func take(_ member: LogAttribute, _ role: FieldName.Role, _ rank: Int, _ place: Place) {
    switch role {
    case .time:
      guard rank < time?.rank ?? .max else { return }
      // For a number, one letter says too little; MongoDB has a map here and log15 a text.
      if member.key == "t", !hasDate(member.value) { return }
      guard let value = FieldTime.nanoseconds(member.value, rules) else { return }
      time = Choice(value: value, place: place, rank: rank)
    case .level(let scale):
      guard rank < severity?.rank ?? .max else { return }
      if let value = scale.severity(member.value) {
        severity = Choice(value: value, place: place, rank: rank)
      } else if member.key.lowercased() == "level", place.child == nil {
        digit = place.member
      }
    case .source:
      guard rank < source?.rank ?? .max, let text = text(member.value), !text.isEmpty,
        text.count <= Limits.sourceByteCountMax
      else { return }
      source = Choice(value: text, place: place, rank: rank)
    case .message:
      guard let text = text(member.value) ?? journalText(member) else { return }
      let rank = text.isEmpty ? rank + Self.emptyRank : rank
      guard rank < message?.rank ?? .max else { return }
      message = Choice(value: text, place: place, rank: rank)
    }
  }

  private func hasDate(_ value: AttributeValue) -> Bool {
    switch value {
    case .string(let text): text.utf8.contains { !$0.isDigit && $0 != UInt8(ascii: ".") }
    case .map: true
    case .empty, .boolean, .integer, .double, .list, .bytes: false
    }
  }

  private func text(_ value: AttributeValue) -> ByteString? {
    switch value {
    case .string(let text): ByteString(text)
    case .bytes(let bytes): bytes
    case .empty, .boolean, .integer, .double, .list, .map: nil
    }
  }

  /// journald writes a message that is not UTF-8 as a list of bytes.
  private func journalText(_ member: LogAttribute) -> ByteString? {
    guard member.key == "MESSAGE", case .list(let values) = member.value else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(values.count)
    for value in values {
      guard case .integer(let number) = value, let byte = UInt8(exactly: number) else { return nil }
      bytes.append(byte)
    }
    return ByteString(bytes)
  }

  /// Decides what depends on the line as a whole.
  private mutating func settle(_ members: [LogAttribute]) {
    if severity == nil, let digit, hints.isSuperset(of: [.gelfVersion, .gelfText]),
      let value = LevelScale.syslog.severity(members[digit].value)
    {
      severity = Choice(value: value, place: Place(member: digit, child: nil), rank: 0)
    }
    if severity == nil, let letter, let time, members[time.place.member].key == "t",
      case .string(let text) = members[letter].value,
      let value = LevelScale.letter(text.prefix(1).lowercased()), text.utf8.count <= 2
    {
      severity = Choice(value: value, place: Place(member: letter, child: nil), rank: 0)
    }
    if source == nil, let name, hints.contains(.python) || hints.isSuperset(of: [.nodeHost, .nodeProcess]) {
      take(members[name], .source, 0, Place(member: name, child: nil))
    }
    // Docker and containerd keep the newline of the program's line in each record.
    if let message, hints.contains(.container), members[message.place.member].key == "log",
      message.value.count > 0, message.value[message.value.count - 1] == UInt8(ascii: "\n")
    {
      self.message = Choice(
        value: message.value[0..<message.value.count - 1], place: message.place, rank: message.rank)
    }
  }

  /// CLEF leaves out the level if it is information.
  var isSilentInformation: Bool { severity == nil && hints.contains(.clef) && message != nil }

  /// The members for which an entry has no field.
  func rest(of members: [LogAttribute]) -> [LogAttribute] {
    var taken: [Place] = []
    if let time { taken.append(time.place) }
    if let severity { taken.append(severity.place) }
    if let source { taken.append(source.place) }
    if let message { taken.append(message.place) }
    var rest: [LogAttribute] = []
    rest.reserveCapacity(members.count)
    for (index, member) in members.enumerated() {
      let places = taken.filter { $0.member == index }
      if places.isEmpty {
        rest.append(member)
      } else if case .map(let children) = member.value, !places.contains(where: { $0.child == nil }) {
        let kept = children.indices.filter { child in !places.contains { $0.child == child } }.map { children[$0] }
        if !kept.isEmpty { rest.append(LogAttribute(member.key, .map(kept))) }
      }
    }
    return rest
  }
}
