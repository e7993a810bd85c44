internal import LogsWire

/// A property of an entry that output can be made of: a field of a template, a column.
package enum EntryField: Hashable, Sendable {
  case time, received, level, severity, stream, seq, source, message, kind, attributes
  /// One attribute, by its name, or by several with dots for one inside of others.
  case attribute(String)

  private static let named: [(name: String, field: EntryField)] = [
    ("time", .time), ("received", .received), ("level", .level), ("severity", .severity), ("stream", .stream),
    ("seq", .seq), ("source", .source), ("message", .message), ("kind", .kind), ("attributes", .attributes),
  ]
  private static let attributePrefix = "attr."

  /// - Throws: `FieldMistake`.
  package init(_ name: String) throws(FieldMistake) {
    if name.hasPrefix(Self.attributePrefix), name.utf8.count > Self.attributePrefix.utf8.count {
      self = .attribute(String(name.dropFirst(Self.attributePrefix.count)))
    } else if let field = Self.named.first(where: { $0.name == name })?.field {
      self = field
    } else {
      let names = Self.named.map(\.name) + ["\(Self.attributePrefix)NAME"]
      let near = Spelling.suggestion(name, among: names)
      let isName = !name.isEmpty && !name.hasPrefix(Self.attributePrefix)
      let hint = near.isEmpty && isName ? "; an attribute is written \(Self.attributePrefix)\(name)" : near
      throw FieldMistake("there is no field '\(name)'\(hint); there are \(names.joined(separator: ", "))")
    }
  }

  package var name: String {
    if case .attribute(let key) = self { return Self.attributePrefix + key }
    return Self.named.first { $0.field == self }?.name ?? ""
  }

  /// `time,level,attr.user`
  package static func list(_ text: String) throws(FieldMistake) -> [EntryField] {
    var fields: [EntryField] = []
    for name in text.split(separator: ",", omittingEmptySubsequences: false) {
      fields.append(try EntryField(String(name)))
    }
    return fields
  }
}

/// What is wrong with a list of fields or a template.
package struct FieldMistake: Error, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }
}

extension [LogAttribute] {
  /// The value of a key, or of a key inside maps: `http.status` is also `status` in `http`.
  func value(_ path: String) -> AttributeValue? {
    if let value = first(where: { $0.key == path })?.value { return value }
    for attribute in self where path.hasPrefix(attribute.key) {
      let rest = path.dropFirst(attribute.key.count)
      guard rest.hasPrefix("."), case .map(let members) = attribute.value else { continue }
      if let value = members.value(String(rest.dropFirst())) { return value }
    }
    return nil
  }
}
