/// Sixteen random bytes that distinguish one thing from all others of its kind.
package protocol Identity: Hashable, Sendable, CustomStringConvertible {
  var high: UInt64 { get }
  var low: UInt64 { get }

  init(high: UInt64, low: UInt64)
}

extension Identity {
  /// From thirty-two hexadecimal digits.
  package init?(parsing text: String) {
    guard text.utf8.count == 32, let high = UInt64(text.prefix(16), radix: 16),
      let low = UInt64(text.suffix(16), radix: 16)
    else { return nil }
    self.init(high: high, low: low)
  }

  /// From its 16 bytes; nil if there are more or fewer.
  package init?(stored bytes: ByteString) {
    var reader = ByteReader(bytes.span)
    do throws(WireDecodingError) {
      self.init(high: try reader.u64().byteSwapped, low: try reader.u64().byteSwapped)
    } catch {
      return nil
    }
    guard reader.isAtEnd else { return nil }
  }

  /// The 16 bytes as stored, in the order in which `digits` shows them.
  package var bytes: ByteString {
    var writer = ByteWriter(capacity: 16)
    writer.append(u64: high.byteSwapped)
    writer.append(u64: low.byteSwapped)
    return writer.finish()
  }

  /// Thirty-two hexadecimal digits.
  package var digits: String { high.hexadecimal + low.hexadecimal }
}

/// Identifies the sender of numbered batches: drawn once by a producer and kept as long as it may resend a batch.
public struct ProducerID: Identity, Comparable {
  package let high: UInt64
  package let low: UInt64

  package init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }

  /// Thirty-two hexadecimal digits.
  public var description: String { digits }

  public static func < (left: ProducerID, right: ProducerID) -> Bool {
    (left.high, left.low) < (right.high, right.low)
  }
}

/// One server process, or one data directory.
package struct InstanceID: Identity {
  package let high: UInt64
  package let low: UInt64

  package init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }

  package var description: String { digits }

  func encode(into writer: inout ByteWriter) {
    writer.append(u64: high)
    writer.append(u64: low)
  }

  @_lifetime(reader: copy reader)
  init(from reader: inout ByteReader) throws(WireDecodingError) {
    high = try reader.u64()
    low = try reader.u64()
  }
}
