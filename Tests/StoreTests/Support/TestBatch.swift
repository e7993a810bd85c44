import LogsWire

extension Batch {
  /// An uncompressed batch whose payload is the entries' texts; the store never looks into a payload. With times of 0 its entries have
  /// none of their own.
  static func test(_ texts: [String], times: ClosedRange<Int64> = 1...1, severities: UInt32 = 1 << 9) -> Batch {
    let payload = Bytes(texts.joined(separator: "\n"))
    var signed = ByteWriter()
    signed.append(BatchHeader.format)
    signed.append(BatchHeader.Codec.none.rawValue)
    signed.append(u16: times == 0...0 ? BatchHeader.Flags.untimed.rawValue : 0)
    signed.append(u32: UInt32(texts.count))
    signed.append(i64: times.lowerBound)
    signed.append(i64: times.upperBound)
    signed.append(u32: severities)
    signed.append(u32: UInt32(payload.count))
    signed.append(u32: UInt32(payload.count))
    signed.append(u32: 0)
    signed.append(u64: 0)
    signed.append(payload)
    var writer = ByteWriter()
    writer.append(zeros: 32)
    writer.append(u64: XXH3.hash(signed.span))
    writer.append(signed.span)
    do {
      return try Batch(startOf: writer.finish())
    } catch {
      preconditionFailure("a batch of a test follows the rules: \(error)")
    }
  }

  static func test(_ text: String) -> Batch { test([text]) }

  var texts: [String] { payload.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) }
}

extension ProducerID {
  static func test(_ value: UInt64) -> ProducerID { ProducerID(high: 1, low: value) }
}
