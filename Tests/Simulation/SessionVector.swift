import Foundation
import LogsWire

/// A file of `spec/vectors/sessions`: the frames of one connection, in the order in which they are sent.
package struct SessionVector: Sendable {
  package enum Side: String, Sendable { case client = ">", server = "<" }

  package struct Line: Sendable {
    package let side: Side
    package let bytes: [UInt8]
    package let id: UInt32
    package let message: Message
  }

  package let lines: [Line]

  package init(_ name: String) throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
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
      var decoder = FrameDecoder(bodyByteCountMax: Limits.frameByteCountMax)
      var offset = 0
      guard let frame = try decoder.next(from: ByteString(bytes).span, at: &offset), offset == bytes.count else {
        throw CocoaError(.fileReadCorruptFile)
      }
      return Line(side: side, bytes: bytes, id: frame.id, message: try Message(decoding: frame))
    }
  }
}
