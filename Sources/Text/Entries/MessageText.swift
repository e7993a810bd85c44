package import LogsWire

/// A message as short and cat show it.
package enum MessageText {
  /// Appends text in one line, with escapes for what does not belong on a terminal.
  ///
  /// - Parameter passesColors: whether SGR sequences stay as they are.
  package static func append(_ text: ByteString, passesColors: Bool, to output: inout [UInt8]) {
    guard passesColors else { return PrintableText.append(text, to: &output) }
    var offset = 0
    var start = 0
    while start < text.count {
      guard text[start] == 0x1b, let end = sequenceEnd(text, from: start) else {
        start += 1
        continue
      }
      PrintableText.append(text[offset..<start], to: &output)
      unsafe text[start..<end].withUnsafeBytes { unsafe output.append(contentsOf: $0) }
      offset = end
      start = end
    }
    PrintableText.append(text[offset..<text.count], to: &output)
    // What follows has colours of its own.
    if offset > 0 { output.append(Palette.reset) }
  }

  /// The end of the SGR sequence that begins at `start`: `ESC [ 3 1 m`.
  private static func sequenceEnd(_ text: ByteString, from start: Int) -> Int? {
    guard start + 1 < text.count, text[start + 1] == UInt8(ascii: "[") else { return nil }
    var end = start + 2
    while end < text.count, text[end].isDigit || text[end] == UInt8(ascii: ";") || text[end] == UInt8(ascii: ":") {
      end += 1
    }
    return end < text.count && text[end] == UInt8(ascii: "m") ? end + 1 : nil
  }
}
