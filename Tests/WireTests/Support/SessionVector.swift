import Foundation

@testable import LogsWire

/// A file of `spec/vectors/sessions`: the frames of one connection, in the order in which they are sent.
struct SessionVector: Sendable {
  enum Side: String { case client = ">", server = "<" }

  struct Line: Sendable {
    let side: Side
    let bytes: [UInt8]
    let id: UInt32
    let message: Message
  }

  let lines: [Line]

  init(_ name: String) throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let file = root.appending(path: "spec/vectors/sessions/\(name).hex")
    var frames: [(side: Side, bytes: [UInt8])] = []
    for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
      let words = line.prefix { $0 != "#" }.split(separator: " ").map(String.init)
      if words.count == 1, let side = Side(rawValue: words[0]) {
        frames.append((side, []))
      } else if !words.isEmpty {
        frames[frames.count - 1].bytes += try words.map { digits in
          guard let byte = UInt8(digits, radix: 16) else { throw CocoaError(.fileReadCorruptFile) }
          return byte
        }
      }
    }
    lines = try frames.map { side, bytes in
      guard let frame = try Frames.decode(bytes).first else { throw CocoaError(.fileReadCorruptFile) }
      return Line(side: side, bytes: bytes, id: frame.id, message: try Message(decoding: frame))
    }
  }
}
