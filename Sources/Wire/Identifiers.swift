/// Who numbers batches: 16 random bytes, drawn once by a producer and kept for as long as it may send a batch again.
public struct ProducerID: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let high: UInt64
  package let low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// A new identity.
  public static func random() -> ProducerID {
    var source = SystemRandomNumberGenerator()
    return ProducerID(high: source.next(), low: source.next())
  }

  /// Thirty-two hexadecimal digits.
  public var description: String { hexadecimal(high) + hexadecimal(low) }

  public static func < (left: ProducerID, right: ProducerID) -> Bool {
    (left.high, left.low) < (right.high, right.low)
  }
}

extension ProducerID {
  /// From its 16 bytes; nil when there are more or fewer.
  package init?(stored bytes: ByteString) {
    var reader = ByteReader(bytes.span)
    do throws(WireDecodingError) {
      self.init(high: try reader.u64().byteSwapped, low: try reader.u64().byteSwapped)
    } catch {
      return nil
    }
    guard reader.isAtEnd else { return nil }
  }

  /// The 16 bytes as they are stored, first to last as `description` shows them.
  package var bytes: ByteString {
    var writer = ByteWriter(capacity: 16)
    writer.append(u64: high.byteSwapped)
    writer.append(u64: low.byteSwapped)
    return writer.finish()
  }
}

/// Which life of a stream a sequence number belongs to: drawn when the stream is created, and again when its history is replaced.
public struct Incarnation: Hashable, Sendable, CustomStringConvertible {
  public let value: UInt64

  public init(_ value: UInt64) { self.value = value }

  /// Stands for "whatever it is" in a cursor; no stream has it.
  public static let any = Incarnation(0)

  /// Sixteen hexadecimal digits.
  public var description: String { hexadecimal(value) }
}

private func hexadecimal(_ value: UInt64) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: 16 - digits.count) + digits
}
