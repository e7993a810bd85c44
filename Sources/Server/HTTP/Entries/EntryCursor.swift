internal import LogsWire

/// Positions as text, for the ids of events and for `after`: `incarnation.number` of the one stream of a request, or
/// `name:incarnation.number` of several, joined by commas.
enum EntryCursor {
  /// While there is no stream yet: all that will be there is behind it.
  private static let start = "0"

  /// - Parameter isOfOne: whether its stream needs no name.
  static func text(_ positions: [CursorPosition], isOfOne: Bool) -> String {
    if positions.isEmpty { return start }
    return positions.map { position in
      let number = "\(position.incarnation).\(position.sequence)"
      return isOfOne ? number : "\(escaped(position.stream.text)):\(number)"
    }.joined(separator: ",")
  }

  static func read(_ text: String, _ selectors: [StreamSelector]) throws(HTTPProblem) -> [CursorPosition] {
    guard text.utf8.count <= HTTPLimits.cursorByteCountMax else {
      throw HTTPProblem(
        400, "a cursor has at most \(HTTPLimits.cursorByteCountMax) bytes; follow fewer streams at once")
    }
    if case .stream(let name)? = selectors.first, selectors.count == 1, !text.contains(":") {
      return [try position(text, of: name)]
    }
    if text == start { return [] }
    var positions: [CursorPosition] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let pieces = part.split(separator: ":", omittingEmptySubsequences: false)
      guard pieces.count == 2 else { throw odd(text) }
      do throws(LogError) {
        let name = try StreamName.readable(try decoded(pieces[0]))
        positions.append(try parsed(pieces[1], of: name))
      } catch { throw odd(text) }
    }
    return positions
  }

  /// The position in one stream: `number` or `incarnation.number`.
  static func position(_ text: String, of stream: StreamName) throws(HTTPProblem) -> CursorPosition {
    do throws(LogError) { return try parsed(text, of: stream) } catch { throw odd(text) }
  }

  private static func parsed(_ text: some StringProtocol, of stream: StreamName) throws(LogError) -> CursorPosition {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, let number = UInt64(parts[parts.count - 1]), number < Limits.numberMax else {
      throw LogError(.invalidCursor, "no number")
    }
    guard parts.count == 2 else { return CursorPosition(stream: stream, incarnation: .any, sequence: number) }
    guard let incarnation = UInt64(parts[0], radix: 16) else { throw LogError(.invalidCursor, "no incarnation") }
    return CursorPosition(stream: stream, incarnation: Incarnation(incarnation), sequence: number)
  }

  private static func decoded(_ text: Substring) throws(LogError) -> String {
    do throws(HTTPProblem) { return try HTTPTarget.decode(text) } catch {
      throw LogError(.invalidCursor, error.refusal.text)
    }
  }

  private static func odd(_ text: String) -> HTTPProblem {
    HTTPProblem(
      400, "'\(PrintableText.escaped(text))' is no position; give a sequence number, or the id of the last event")
  }

  private static let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/$".utf8)

  static func escaped(_ name: String) -> String {
    var text: [UInt8] = []
    for byte in name.utf8 {
      if plain.contains(byte) {
        text.append(byte)
      } else {
        let digits = String(byte, radix: 16)
        text += Array("%\(digits.count < 2 ? "0" : "")\(digits)".utf8)
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
