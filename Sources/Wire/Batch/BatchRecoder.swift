/// Compresses numbered batches anew with a dictionary, for those who have it.
package struct BatchRecoder: ~Copyable {
  private let decompressor = Decompressor()
  private let compressor: Compressor

  package init(_ dictionary: BatchDictionary) { compressor = Compressor(level: 3, dictionary: dictionary) }

  /// - Parameter seed: of the new batch's check.
  /// - Returns: the same entries in another batch, or the same batch if that would take no less.
  package borrowing func recode(_ batch: Batch, seed: UInt64) throws(WireDecodingError) -> Batch {
    let recoded = try Self.recode(batch, decompressor, compressor, seed: seed)
    return recoded.bytes.count < batch.bytes.count ? recoded : batch
  }

  static func recode(
    _ batch: Batch, _ decompressor: borrowing Decompressor, _ compressor: borrowing Compressor, seed: UInt64
  ) throws(WireDecodingError) -> Batch {
    var payload = ByteWriter(capacity: Int(batch.header.rawLength))
    try decompressor.decompress(batch, into: &payload)
    var header = batch.header
    // What a producer has set there means nothing, and may mean something together with `reencoded`.
    if !header.flags.contains(.reencoded) { header.flags.formIntersection(.producers) }
    header.flags.insert(.reencoded)
    header.dictionary = 0
    let dictionary = compressor.dictionary
    return compressor.compress {
      $0.append(payload)
    } finish: { stored, codec, _ in
      header.codec = codec
      header.storedLength = UInt32(stored.byteCount)
      return Batch(unnumbered: header, payload: stored, dictionary)
    }
    .numbered(firstSequence: header.firstSequence, received: header.received, span: header.span, seed: seed)
  }
}
