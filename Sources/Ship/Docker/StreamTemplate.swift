internal import LogsWire

/// How the stream of a container is named: text with `{container}`, `{id}`, `{image}`, `{service}` and `{project}`.
///
/// What is not allowed in a name becomes `-`, empty parts are left out, and what is too long is cut. A container
/// without service or project counts under its own name.
package struct StreamTemplate: Hashable, Sendable {
  package static let standard = StreamTemplate(pieces: [.text("docker/"), .container])

  private enum Piece: String, Hashable, Sendable {
    case container, id, image, service, project
  }

  private enum Part: Hashable, Sendable {
    case text(String)
    case piece(Piece)

    static let container = Part.piece(.container)
  }

  private let parts: [Part]

  private init(pieces: [Part]) { parts = pieces }

  /// - Throws: `DockerFailure` for what is no template.
  package init(_ text: String) throws(DockerFailure) {
    var parts: [Part] = []
    var rest = text[...]
    while let open = rest.firstIndex(of: "{") {
      guard let close = rest[open...].firstIndex(of: "}"),
        let piece = Piece(rawValue: String(rest[rest.index(after: open)..<close]))
      else {
        throw DockerFailure(
          "the stream \"\(text)\" has a brace that begins none of {container}, {id}, {image}, {service}, {project}")
      }
      if open > rest.startIndex { parts.append(.text(String(rest[..<open]))) }
      parts.append(.piece(piece))
      rest = rest[rest.index(after: close)...]
    }
    if !rest.isEmpty { parts.append(.text(String(rest))) }
    guard !parts.isEmpty else { throw DockerFailure("the name of the stream is empty; write docker/{container}") }
    let fixed = parts.map { part in if case .text(let text) = part { text } else { "x" } }.joined()
    do throws(LogError) { _ = try StreamName(fixed) } catch {
      throw DockerFailure("the stream \"\(text)\" makes no names: \(error.message)")
    }
    self.parts = parts
  }

  func stream(of container: DockerContainer) -> StreamName {
    let text = parts.map { part in
      switch part {
      case .text(let text): text
      case .piece(.container): container.name
      case .piece(.id): container.shortID
      case .piece(.image): container.image
      case .piece(.service): container.service ?? container.name
      case .piece(.project): container.project ?? container.name
      }
    }.joined()
    return Self.name(text)
  }

  /// The valid name that is nearest to `text`.
  static func name(_ text: String) -> StreamName {
    var bytes: [UInt8] = []
    for byte in text.utf8 where bytes.count < Limits.streamNameByteCountMax {
      switch byte {
      case UInt8(ascii: "/"): if let last = bytes.last, last != byte { bytes.append(byte) }
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"),
        UInt8(ascii: "@"), UInt8(ascii: "-"):
        bytes.append(byte)
      default: bytes.append(UInt8(ascii: "-"))
      }
    }
    while bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
    let valid = String(decoding: bytes, as: UTF8.self)
    do throws(LogError) { return try StreamName(valid.isEmpty ? "docker" : valid) } catch {
      preconditionFailure("only valid bytes are left: \(error)")
    }
  }
}
