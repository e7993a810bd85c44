package import LogsWire

/// An entry of a test's producer. It names its producer and number, and everything else follows from these, so that a
/// reader can tell whether it is exactly the entry handed over.
package struct FaultEntry: Hashable, Sendable {
  /// From 1.
  package let producer: Int
  /// From 1, rising by one with each entry of the producer.
  package let number: Int

  package init(producer: Int, number: Int) {
    self.producer = producer
    self.number = number
  }

  /// `p3-17 ` and padding. Most are short, one of 64 is large.
  package var text: String {
    let size = mixed % 64 == 0 ? 2_000 + Int(mixed >> 8 % 6_000) : Int(mixed >> 8 % 160)
    let letter = UInt8(ascii: "a") + UInt8(mixed >> 32 % 26)
    return "p\(producer)-\(number) " + String(decoding: repeatElement(letter, count: size), as: UTF8.self)
  }

  package var entry: LogEntry {
    LogEntry(message: ByteString(text), severity: Self.severities[Int(mixed >> 40 % 4)], attributes: attributes)
  }

  private static let severities: [LogSeverity] = [.unspecified, .debug, .info, .error]

  private var attributes: [LogAttribute] {
    switch mixed >> 48 % 4 {
    case 0: [LogAttribute("n", .integer(Int64(number)))]
    case 1: [LogAttribute("n", .integer(Int64(number))), LogAttribute("even", .boolean(number % 2 == 0))]
    default: []
    }
  }

  /// Bytes that look random and are the same each time.
  private var mixed: UInt64 {
    var mixed = (UInt64(producer) << 40 | UInt64(number)) &* 0x9E37_79B9_7F4A_7C15
    mixed = (mixed ^ (mixed >> 31)) &* 0xBF58_476D_1CE4_E5B9
    return mixed ^ (mixed >> 29)
  }

  /// The entry that a message belongs to; nil when no producer has handed over such a message.
  package init?(text: some StringProtocol) {
    guard text.first == "p", let end = text.firstIndex(of: " ") else { return nil }
    let parts = text[..<end].dropFirst().split(separator: "-")
    guard parts.count == 2, let producer = Int(parts[0]), let number = Int(parts[1]) else { return nil }
    self.init(producer: producer, number: number)
    guard self.text == text else { return nil }
  }

  /// Whether `read` equals this entry in everything that its producer has set.
  package func isSame(as read: LogEntry) -> Bool {
    let own = entry
    return read.message == own.message && read.severity == own.severity && read.attributes == own.attributes
      && read.kind == own.kind
  }
}
