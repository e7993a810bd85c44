internal import LogsClient
internal import LogsText
internal import LogsWire

/// What `--template` and `--columns` make of an entry: one line.
struct EntryTemplate {
  private enum Part: Hashable {
    case text(String)
    case field(EntryField)
  }

  private var parts: [Part] = []

  /// Reads `{time} {attr.user}`; `{{` and `}}` are braces.
  init(_ text: String) throws(CommandError) {
    var plain = ""
    var rest = text[...]
    func endsPlain(_ parts: inout [Part]) { if !plain.isEmpty { parts.append(.text(plain)) } }
    while let character = rest.popFirst() {
      if character == "{" || character == "}", rest.first == character {
        plain.append(character)
        rest.removeFirst()
      } else if character == "{" {
        guard let end = rest.firstIndex(of: "}") else {
          throw .usage("--template: a '{' is not closed; write {{ for a brace")
        }
        endsPlain(&parts)
        plain = ""
        parts.append(.field(try EntryField(String(rest[..<end]))))
        rest = rest[rest.index(after: end)...]
      } else if character == "}" {
        throw .usage("--template: a '}' closes nothing; write }} for a brace")
      } else {
        plain.append(character)
      }
    }
    endsPlain(&parts)
  }

  /// Fields with tabs between them.
  init(_ fields: [EntryField]) {
    for field in fields { parts += parts.isEmpty ? [.field(field)] : [.text("\t"), .field(field)] }
  }

  func append(_ entry: LogEntry, of stream: StreamName, _ zone: ShownZone, to output: inout [UInt8]) {
    for part in parts {
      switch part {
      case .text(let text): output.append(contentsOf: text.utf8)
      case .field(.message): PrintableText.append(entry.message, to: &output)
      case .field(let field): PrintableText.append(ByteString(field.text(entry, of: stream, zone)), to: &output)
      }
    }
    output.append(UInt8(ascii: "\n"))
  }
}
