/// Which life of a stream a sequence number belongs to: drawn when the stream is created, and again when its history
/// is replaced.
public struct Incarnation: Hashable, Sendable, CustomStringConvertible {
  public let value: UInt64

  public init(_ value: UInt64) { self.value = value }

  /// Stands for any incarnation in a cursor; no stream has it.
  public static let any = Incarnation(0)

  /// Sixteen hexadecimal digits.
  public var description: String { value.hexadecimal }
}

extension UInt64 {
  /// Sixteen hexadecimal digits.
  package var hexadecimal: String {
    let digits = String(self, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
