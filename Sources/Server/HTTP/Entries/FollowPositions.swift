internal import LogsWire

/// How far each stream of a follow has been told, by handle.
struct FollowPositions {
  /// Whether it is about one stream that is named, whose positions then need no name.
  let isOfOne: Bool
  private var positions = HandleTable<CursorPosition>()

  init(isOfOne: Bool) { self.isOfOne = isOfOne }

  mutating func announce(_ stream: Announcement) {
    positions.announce(
      stream.handle,
      CursorPosition(stream: stream.stream, incarnation: stream.incarnation, sequence: stream.position))
  }

  var count: Int { positions.count }

  subscript(handle: UInt32) -> CursorPosition { positions[handle] }

  /// Those of the streams, for as many as a message should name.
  var all: ArraySlice<CursorPosition> { positions.all.prefix(HTTPLimits.liveCursorCountMax) }

  mutating func move(_ handle: UInt32, to sequence: UInt64) { positions[handle].sequence = sequence }

  /// It alone is enough to go on from here.
  var cursor: String { EntryCursor.text(positions.all, isOfOne: isOfOne) }

  /// The cursor before and after the number of one of the streams.
  func parts(around handle: UInt32) -> (before: String, after: String) {
    let position = positions[handle]
    let name = isOfOne ? "" : "\(EntryCursor.escaped(position.stream.text)):"
    let others = positions.around(handle)
    let before = others.before.isEmpty ? "" : "\(EntryCursor.text(others.before, isOfOne: isOfOne)),"
    let after = others.after.isEmpty ? "" : ",\(EntryCursor.text(others.after, isOfOne: isOfOne))"
    return ("\(before)\(name)\(position.incarnation).", after)
  }

  /// Why no cursor can say where the streams are; nil if one can.
  var refusal: Refusal? {
    guard !isOfOne, cursor.utf8.count > HTTPLimits.cursorByteCountMax else { return nil }
    return Refusal(
      .badRequest,
      "the positions of so many streams do not fit the id of an event; follow fewer, or use a WebSocket")
  }
}
