internal import LogsWire

/// Joins the lines that a container runtime has cut: `TIME stdout P text` until one with `F`.
///
/// Lines of the other stream may come in between: they wait, so that lines are emitted in the order in which they
/// began.
struct PartialLines {
  private struct Held {
    var line: SourceLine
    /// Where its first piece began.
    let start: UInt64
    let stream: ByteString
    var pieces: [ByteString]
    var isOpen: Bool
  }

  private var held: [Held] = []

  /// Lines that wait for a piece of another one.
  static let lineCountMax = 1_000

  var isEmpty: Bool { held.isEmpty }

  mutating func add(_ line: SourceLine, _ emit: (SourceLine) -> Void) {
    let tag = Tag(line.bytes)
    if held.isEmpty, tag?.isPartial != true { return emit(line) }
    let isPartial = tag?.isPartial == true
    if let tag, let place = held.firstIndex(where: { $0.isOpen && $0.stream == tag.stream }) {
      held[place].pieces.append(line.bytes[tag.text..<line.bytes.count])
      held[place].line.byteCount += line.byteCount - tag.text
      held[place].line.end = line.end
      held[place].isOpen = isPartial
    } else {
      held.append(
        Held(
          line: line, start: line.end - min(line.end, UInt64(line.byteCount + 1)), stream: tag?.stream ?? "",
          pieces: [line.bytes], isOpen: isPartial))
    }
    if held.count >= Self.lineCountMax { return flush(emit) }
    drain(emit)
  }

  /// Emits what waits, whether its end has come or not.
  mutating func flush(_ emit: (SourceLine) -> Void) {
    for place in held.indices { held[place].isOpen = false }
    drain(emit)
  }

  private mutating func drain(_ emit: (SourceLine) -> Void) {
    while let first = held.first, !first.isOpen {
      held.removeFirst()
      var line = first.line
      if first.pieces.count > 1 { line.bytes = Self.joined(first.pieces) }
      // What waits behind it is read again after a crash.
      if let next = held.first(where: \.isOpen) { line.end = min(line.end, next.start) }
      emit(line)
    }
  }

  /// The pieces as one whole line, or its beginning.
  private static func joined(_ pieces: [ByteString]) -> ByteString {
    var bytes: [UInt8] = []
    for piece in pieces {
      let room = Limits.messageByteCountMax - bytes.count
      bytes += piece.array.prefix(room)
    }
    if let tag = Tag(pieces[0]) { bytes[tag.place] = UInt8(ascii: "F") }
    return ByteString(bytes)
  }

  /// The words in front of a line's text.
  private struct Tag {
    let stream: ByteString
    /// Where the tag is.
    let place: Int
    /// Where the text begins.
    let text: Int
    let isPartial: Bool

    init?(_ line: ByteString) {
      var spaces: [Int] = []
      for index in 0..<min(line.count, Self.prefixByteCountMax) where line[index] == UInt8(ascii: " ") {
        spaces.append(index)
        if spaces.count == 3 { break }
      }
      guard spaces.count == 3, spaces[1] + 1 < spaces[2] else { return nil }
      stream = line[spaces[0] + 1..<spaces[1]]
      place = spaces[1] + 1
      text = spaces[2] + 1
      isPartial = line[place] == UInt8(ascii: "P")
    }

    private static let prefixByteCountMax = 64
  }
}
