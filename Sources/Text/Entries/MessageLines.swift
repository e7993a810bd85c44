internal import LogsWire

/// Where the lines of a message are, without their ends; newlines at its end count for nothing.
struct MessageLines: Sequence, IteratorProtocol {
  private let message: ByteString
  private let end: Int
  /// Where the next line begins; nil behind the last one.
  private var start: Int? = 0

  init(_ message: ByteString) {
    self.message = message
    var end = message.count
    while end > 0, message[end - 1] == UInt8(ascii: "\n") || message[end - 1] == UInt8(ascii: "\r") { end -= 1 }
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
