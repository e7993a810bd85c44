import LogsWire

extension Batch {
  /// An uncompressed batch of entries with these texts.
  ///
  /// - Parameters:
  ///   - times: one for each entry, 0 for one without; nil for 1 each.
  ///   - range: what the header says of them, if that is to be wrong.
  static func test(_ texts: [String], times: [Int64]? = nil, range: ClosedRange<Int64>? = nil) -> Batch {
    let times = times ?? Array(repeating: 1, count: texts.count)
    let range = range ?? (times.min() ?? 0)...(times.max() ?? 0)
    let payload = payload(texts, times)
    var signed = ByteWriter()
    signed.append(BatchHeader.format)
    signed.append(BatchHeader.Codec.none.rawValue)
    signed.append(u16: range == 0...0 ? BatchHeader.Flags.untimed.rawValue : 0)
    signed.append(u32: UInt32(texts.count))
    signed.append(i64: range.lowerBound)
    signed.append(i64: range.upperBound)
    signed.append(u32: 1 << 9)
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

  /// Columns of times, as differences, and of messages (`spec/wire.md`, section 5).
  private static func payload(_ texts: [String], _ times: [Int64]) -> ByteString {
    var payload = ByteWriter()
    if times.contains(where: { $0 != 0 }) {
      var column = ByteWriter()
      for (time, previous) in zip(times, [0] + times) { column.append(zigzag: time - previous) }
      append(column: 1, encoding: 4, column, to: &payload)
    }
    var column = ByteWriter()
    for text in texts { column.append(varint: UInt64(text.utf8.count)) }
    for text in texts { column.append(utf8: text) }
    append(column: 4, encoding: 5, column, to: &payload)
    return payload.finish()
  }

  private static func append(
    column: UInt16, encoding: UInt8, _ content: borrowing ByteWriter, to payload: inout ByteWriter
  ) {
    payload.append(u16: column)
    payload.append(encoding)
    payload.append(zeros: 1)
    payload.append(u32: UInt32(content.count))
    payload.append(content)
  }

  var texts: [String] {
    var decoder = BatchDecoder()
    do {
      return try decoder.entries(of: self).map(\.message.text)
    } catch {
      preconditionFailure("a batch of a test can be decoded: \(error)")
    }
  }
}

extension ProducerID {
  static func test(_ value: UInt64) -> ProducerID { ProducerID(high: 1, low: value) }
}
