package import LogsWire

/// A part of a line that was too long for one entry, as described by the attributes of its entry. Docker uses the same
/// names.
package struct LinePart: Equatable, Sendable {
  /// The same for all parts of one line, and different for other lines.
  package let line: String
  /// From 1.
  package let ordinal: Int64
  package let isLast: Bool

  private static let lineKey = "logs.partial_id"
  private static let ordinalKey = "logs.partial_ordinal"
  private static let lastKey = "logs.partial_last"

  package init(line: String, ordinal: Int64, isLast: Bool) {
    self.line = line
    self.ordinal = ordinal
    self.isLast = isLast
  }

  /// nil if the attributes are not those of a part.
  package init?(_ attributes: [LogAttribute]) {
    guard !attributes.isEmpty else { return nil }
    func value(_ key: String) -> AttributeValue? { attributes.first { $0.key == key }?.value }
    guard case .string(let line) = value(Self.lineKey), case .integer(let ordinal) = value(Self.ordinalKey),
      case .boolean(let isLast) = value(Self.lastKey)
    else { return nil }
    self.init(line: line, ordinal: ordinal, isLast: isLast)
  }

  package var attributes: [LogAttribute] {
    [
      LogAttribute(Self.lineKey, .string(line)), LogAttribute(Self.ordinalKey, .integer(ordinal)),
      LogAttribute(Self.lastKey, .boolean(isLast)),
    ]
  }

  /// Whether this part directly follows the other one in their line.
  package func continues(_ other: LinePart) -> Bool {
    line == other.line && !other.isLast && other.ordinal < .max && ordinal == other.ordinal + 1
  }
}
