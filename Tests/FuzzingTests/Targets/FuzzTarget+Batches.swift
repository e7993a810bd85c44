@testable import LogsWire

extension FuzzTarget {
  /// A batch as a producer or a server may send it, signed: it is refused, or everything that readers rely on holds.
  ///
  /// A byte of options, then the header and the payload.
  static let batches = FuzzTarget(
    name: "batches", byteCountMax: 4096,
    seeds: {
      var seeds = try SeedVectors.bytes(["batch", "numbered-batch"], atMost: 4000).map { [5] + $0 }
      for count in 1...SampleEntries.all.count {
        let batch = try SampleEntries.numbered(Array(SampleEntries.all.prefix(count)))
        seeds.append([5] + batch.bytes.array)
        var payload = ByteWriter()
        try Decompressor().decompress(batch, into: &payload)
        let content = payload.finish().array
        for options: UInt8 in [1, 9] {
          var bytes = [options] + batch.bytes[0..<BatchHeader.byteCount].array + content
          if options & 8 == 0 { bytes[42] = BatchHeader.Codec.none.rawValue }
          seeds.append(bytes)
        }
      }
      return seeds
    },
    run: { input in
      let options = input.byte()
      let bytes = BatchShaper(options).shaped(input.all())
      guard let batch = try? Batch(startOf: ByteString(bytes)) else { return }
      _ = (batch.header.lastSequence, batch.header.effectiveTimes)
      try BatchRules.check(batch)
    })

  /// The two rows of an entry's attributes: the checker and the reader agree, and what is read is written in the same
  /// way.
  static let attributes = FuzzTarget(
    name: "attributes", byteCountMax: 1024,
    seeds: {
      SampleEntries.all.filter { !$0.attributes.isEmpty }.map { entry in
        var keys = ByteWriter()
        var values = ByteWriter()
        AttributeRows.write(keysOf: entry.attributes, into: &keys)
        AttributeRows.write(valuesOf: entry.attributes, into: &values)
        let rows = [keys.finish(), values.finish()]
        return [UInt8(rows[0].count)] + rows[0].array + rows[1].array
      }
    },
    run: { input in
      let (keys, values) = (ByteString(input.chunk()), ByteString(input.all()))
      var count = 0
      do throws(WireDecodingError) {
        count = try AttributeRows.check(keys: keys.span)
        _ = try AttributeRows.check(values: values.span, count: count)
      } catch {
        // A reader does not rely on another server's checks: it refuses, or ends.
        _ = try? AttributeRows.attributes(keys: AttributeRows.keys(in: keys.span), values: values.span)
        return
      }
      let names: [String]
      let attributes: [LogAttribute]
      do throws(WireDecodingError) {
        names = try AttributeRows.keys(in: keys.span)
        attributes = try AttributeRows.attributes(keys: names, values: values.span)
      } catch { throw BrokenRule("checked attributes cannot be read: \(error)") }
      try BrokenRule.check(attributes.count == count, "\(attributes.count) attributes of \(count)")
      try BrokenRule.check(!AttributeRows.isTooDeep(attributes), "too deep")
      // Keys that are not UTF-8 are replaced, so that only rows without any are written as they were.
      guard String(validating: keys.array, as: UTF8.self) != nil, String(validating: values.array, as: UTF8.self) != nil
      else { return }
      var keysAgain = ByteWriter()
      var valuesAgain = ByteWriter()
      AttributeRows.write(keysOf: attributes, into: &keysAgain)
      AttributeRows.write(valuesOf: attributes, into: &valuesAgain)
      let rows = [keysAgain.finish(), valuesAgain.finish()]
      try BrokenRule.check(rows == [keys, values], "other rows are written")
    })
}

/// Makes a batch of what a fuzzer says, by a byte of options.
private struct BatchShaper {
  let setsLengths: Bool
  let leavesCheck: Bool
  let isNumbered: Bool
  let compresses: Bool

  init(_ options: UInt8) {
    setsLengths = options & 1 != 0
    leavesCheck = options & 2 != 0
    isNumbered = options & 4 != 0
    compresses = options & 8 != 0
  }

  func shaped(_ input: [UInt8]) -> [UInt8] {
    guard input.count >= BatchHeader.byteCount else { return input }
    var bytes = input
    let payload = ByteString(Array(input[BatchHeader.byteCount...]))
    if compresses {
      var compressed = ByteWriter()
      if Compressor().compress(payload.span, into: &compressed) {
        bytes[41] = BatchHeader.Codec.zstd.rawValue
        Signing.store(UInt32(payload.count), &bytes, 68)
        bytes.replaceSubrange(BatchHeader.byteCount..., with: compressed.finish().array)
      }
    } else if setsLengths, bytes[41] == BatchHeader.Codec.none.rawValue {
      Signing.store(UInt32(payload.count), &bytes, 68)
    }
    if setsLengths { Signing.store(UInt32(bytes.count - BatchHeader.byteCount), &bytes, 72) }
    if !isNumbered { for index in 0..<32 { bytes[index] = 0 } }
    if !leavesCheck { Signing.sign(batch: &bytes, seed: isNumbered ? SampleEntries.seed : nil) }
    return bytes
  }
}
