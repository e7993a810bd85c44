internal import LogsWire

/// Where the lines of a message are, without their ends (`\n`, `\r\n`); newlines at its end count for nothing.
struct MessageLines: Sequence, IteratorProtocol {
  private let message: ByteString
  private let end: Int
  /// Where the next line begins; nil behind the last one.
  private var start: Int? = 0

  /// - Parameter keepsReturn: whether a `\r` at the very end, which a line of a Windows file leaves, is content.
  init(_ message: ByteString, keepsReturn: Bool = false) {
    self.message = message
    var end = message.count
    func ends(_ byte: UInt8) -> Bool { end > 0 && message[end - 1] == byte }
    if !keepsReturn, ends(UInt8(ascii: "\r")) { end -= 1 }
    while ends(UInt8(ascii: "\n")) {
      end -= 1
      if ends(UInt8(ascii: "\r")) { end -= 1 }
    }
    self.end = end
  }

  mutating func next() -> Range<Int>? {
    guard let first = start else { return nil }
    var next = first
    while next < end, message[next] != UInt8(ascii: "\n") { next += 1 }
    start = next < end ? next + 1 : nil
    let isReturn = next < end && next > first && message[next - 1] == UInt8(ascii: "\r")
    return first..<(isReturn ? next - 1 : next)
  }
}
