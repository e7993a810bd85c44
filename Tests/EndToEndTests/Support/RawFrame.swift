import LogsWire

/// Frames and batches with any content and valid checks, to send wrong things in a valid form.
enum RawFrame {
  static func bytes(type: UInt8, id: UInt32 = 0, control: [UInt8] = [], batch: [UInt8] = []) -> [UInt8] {
    var header = header(
      type: type, id: id, bodyLength: UInt32(control.count + batch.count), controlLength: UInt32(control.count))
    let check = hash(control[...], seed: hash(header[..<16]))
    header.replaceSubrange(16..<20, with: little(UInt32(truncatingIfNeeded: check)))
    return header + control + batch
  }

  /// A header alone, with a valid header check.
  static func header(type: UInt8, id: UInt32 = 0, bodyLength: UInt32, controlLength: UInt32) -> [UInt8] {
    var bytes = little(bodyLength) + [type, 0, 0, 0] + little(id) + little(controlLength)
    let check = UInt16(truncatingIfNeeded: hash(bytes[...]))
    bytes.replaceSubrange(6..<8, with: [UInt8(check & 0xff), UInt8(check >> 8)])
    return bytes + [0, 0, 0, 0]
  }

  /// A batch with some bytes changed and its check recomputed.
  static func batch(_ batch: [UInt8], changing place: Int, to bytes: [UInt8]) -> [UInt8] {
    var batch = batch
    batch.replaceSubrange(place..<place + bytes.count, with: bytes)
    batch.replaceSubrange(32..<40, with: little(hash(batch[40...])))
    return batch
  }

  private static func hash(_ slice: ArraySlice<UInt8>, seed: UInt64 = 0) -> UInt64 {
    let bytes = Array(slice)
    return XXH3.hash(bytes.span.bytes, seed: seed)
  }

  static func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
  }
}
