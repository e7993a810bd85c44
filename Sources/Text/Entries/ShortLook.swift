/// How `ShortLine` shows entries.
package struct ShortLook: Sendable {
  package var fields: [EntryField]
  package var usesColor = false
  /// Whether colours in messages stay.
  package var passesColors = false
  /// For a terminal, where messages of several lines are shown as such: how many columns it has.
  package var columnCount: (@Sendable () -> Int)?
  /// Whether lines that are longer than the terminal is wide are wrapped below the message.
  package var wraps = false
  package var zone = ShownZone.local
  /// Whether the zone is to be said before the first entry, and not only when the day or its offset changes.
  package var saysZone = false

  package init(fields: [EntryField]) { self.fields = fields }

  /// - Parameter namesStream: whether entries of several streams may come.
  package static func usualFields(namesStream: Bool) -> [EntryField] {
    [.time] + (namesStream ? [.stream] : []) + [.level, .source, .kind, .message, .attributes]
  }
}
