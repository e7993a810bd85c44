package import LogsWire

/// What `--template` and `--columns` make of an entry: `{time} {level} {message} {attr.user}`.
///
/// `{{` and `}}` are braces. Always one line and harmless on a terminal; a field that an entry lacks is empty.
package struct TemplateLine: EntryOutput {
  private enum Piece: Sendable {
    case text([UInt8])
    case field(EntryField)
  }

  private var pieces: [Piece] = []
  private var text: FieldText

  /// - Throws: `FieldMistake`.
  package init(_ template: String, zone: ShownZone) throws(FieldMistake) {
    text = FieldText(.people, zone: zone)
    var plain: [UInt8] = []
    var rest = template.utf8[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}"), rest.first == byte {
        rest.removeFirst()
        plain.append(byte)
      } else if byte == UInt8(ascii: "{") {
        guard let end = rest.firstIndex(of: UInt8(ascii: "}")) else {
          throw FieldMistake("a '{' is not closed; write {{ for a brace")
        }
        pieces.append(.text(plain))
        plain = []
        pieces.append(.field(try EntryField(String(Substring(rest[..<end])))))
        rest = rest[end...].dropFirst()
      } else if byte == UInt8(ascii: "}") {
        throw FieldMistake("a '}' closes nothing; write }} for a brace")
      } else {
        plain.append(byte)
      }
    }
    pieces.append(.text(plain))
  }

  /// Fields with tabs between them.
  package init(_ fields: [EntryField], zone: ShownZone) {
    text = FieldText(.people, zone: zone)
    for field in fields { pieces += pieces.isEmpty ? [.field(field)] : [.text([UInt8(ascii: "\t")]), .field(field)] }
  }

  package mutating func append(
    _ entry: LogEntry, of stream: StreamName, matches: [Range<Int>], isContext: Bool, to output: inout [UInt8]
  ) {
    for piece in pieces {
      switch piece {
      case .text(let text): output.append(contentsOf: text)
      case .field(let field): text.append(field, of: entry, in: stream, to: &output)
      }
    }
    output.append(UInt8(ascii: "\n"))
  }
}
