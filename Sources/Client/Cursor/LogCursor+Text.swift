/// The text form.
///
/// | part | meaning |
/// |---|---|
/// | `v1` | the version of the form |
/// | `,` or a newline | in front of each position |
/// | `web=48213.00c0ffee00c0ffee` | stream, last sequence number seen, incarnation in 16 hexadecimal digits |
///
/// Positions are in ascending order of the streams' names. An incarnation of zeros means that it is not known.
/// `description` is the form in one line, with commas; a cursor file has a line a position.
extension LogCursor: LosslessStringConvertible {
  private static let version = "v1"

  public var description: String { text(separator: ",") }

  /// The lines of a cursor file.
  var fileText: String { text(separator: "\n") + "\n" }

  private func text(separator: String) -> String {
    var text = Self.version
    for position in sorted { text += "\(separator)\(position.stream)=\(position.sequence).\(position.incarnation)" }
    return text
  }

  /// Reads the text form; nil if it is malformed. `init(parsing:)` says why.
  public init?(_ description: String) {
    do throws(LogError) { try self.init(parsing: description) } catch { return nil }
  }

  /// Reads the text form, separated by commas or newlines.
  ///
  /// - Throws: `LogError` with `invalidCursor`, naming the malformed position.
  public init(parsing text: String) throws(LogError) {
    let separators = [UInt8(ascii: ","), UInt8(ascii: "\n")]
    // One newline at the end belongs to the last line.
    let bytes = text.utf8.last == UInt8(ascii: "\n") ? text.utf8.dropLast() : text.utf8[...]
    var parts = Array(bytes).split(omittingEmptySubsequences: false) { separators.contains($0) }[...]
    guard let version = parts.popFirst(), version.elementsEqual(Self.version.utf8) else {
      throw Self.invalid("it does not begin with \(Self.version)")
    }
    for part in parts {
      let position = try Self.position(part)
      guard positions[position.stream] == nil else {
        throw Self.invalid("the stream \(position.stream) is in it twice")
      }
      advance(to: position)
    }
  }

  private static func position(_ part: ArraySlice<UInt8>) throws(LogError) -> CursorPosition {
    let shown = String(decoding: part.prefix(240), as: UTF8.self)
    guard let equals = part.lastIndex(of: UInt8(ascii: "=")) else { throw invalid("'\(shown)' has no '='") }
    let fields = part[(equals + 1)...].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard fields.count == 2, let sequence = UInt64(String(decoding: fields[0], as: UTF8.self)),
      fields[0].allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), fields[1].count == 16,
      let incarnation = UInt64(String(decoding: fields[1], as: UTF8.self), radix: 16)
    else { throw invalid("'\(shown)' is not of the form stream=number.incarnation") }
    let name = String(decoding: part[..<equals], as: UTF8.self)
    do throws(LogError) {
      let stream = name.utf8.first == UInt8(ascii: "$") ? try StreamName(server: name) : try StreamName(name)
      return CursorPosition(stream: stream, incarnation: Incarnation(incarnation), sequence: sequence)
    } catch { throw invalid(error.description) }
  }

  private static func invalid(_ why: String) -> LogError {
    LogError(.invalidCursor, "the text is no cursor: \(why); start without it, or take an older copy")
  }
}
