@testable import LogsWire

/// Makes checks match, whatever the bytes say: no fuzzer finds a hash.
enum Signing {
  /// The checks of all frames that `bytes` consist of, as far as their lengths say where they are.
  static func sign(frames bytes: inout [UInt8]) {
    var start = 0
    while bytes.count - start >= FrameHeader.byteCount {
      let bodyLength = Int(load(bytes, start, UInt32.self))
      let controlLength = Int(load(bytes, start + 12, UInt32.self))
      store(UInt16(0), &bytes, start + 6)
      store(UInt16(truncatingIfNeeded: hash(bytes[start..<start + 16])), &bytes, start + 6)
      let body = start + FrameHeader.byteCount
      if controlLength <= bytes.count - body {
        let check = hash(bytes[body..<body + controlLength], seed: hash(bytes[start..<start + 16]))
        store(UInt32(truncatingIfNeeded: check), &bytes, start + 16)
      }
      start = min(body + bodyLength, bytes.count)
    }
  }

  static func frame(type: UInt8, id: UInt32, control: [UInt8], batches: [UInt8] = []) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: FrameHeader.byteCount)
    store(UInt32(control.count + batches.count), &bytes, 0)
    bytes[4] = type
    store(id, &bytes, 8)
    store(UInt32(control.count), &bytes, 12)
    bytes += control + batches
    sign(frames: &bytes)
    return bytes
  }

  /// Both checks of the batch that is all of `bytes`; without a seed only the producer's.
  static func sign(batch bytes: inout [UInt8], seed: UInt64?) {
    guard bytes.count >= BatchHeader.byteCount else { return }
    store(hash(bytes[40...]), &bytes, 32)
    if let seed { store(hash(bytes[8..<40], seed: seed), &bytes, 0) }
  }

  /// Both checks of each batch of a run, as far as their lengths say where they are.
  static func sign(run bytes: inout [UInt8], seed: UInt64) {
    var start = 0
    while bytes.count - start >= BatchHeader.byteCount {
      let length = BatchHeader.byteCount + Int(load(bytes, start + 72, UInt32.self))
      guard length <= bytes.count - start else { return }
      var batch = Array(bytes[start..<start + length])
      sign(batch: &batch, seed: seed)
      bytes.replaceSubrange(start..<start + length, with: batch)
      start += length
    }
  }

  static func hash(_ bytes: ArraySlice<UInt8>, seed: UInt64 = 0) -> UInt64 {
    XXH3.hash(ByteString(Array(bytes)).span, seed: seed)
  }

  static func load<Integer: FixedWidthInteger>(_ bytes: [UInt8], _ offset: Int, _: Integer.Type) -> Integer {
    bytes.withUnsafeBytes { Integer(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Integer.self)) }
  }

  static func store<Integer: FixedWidthInteger>(_ value: Integer, _ bytes: inout [UInt8], _ offset: Int) {
    bytes.withUnsafeMutableBytes { $0.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Integer.self) }
  }
}
