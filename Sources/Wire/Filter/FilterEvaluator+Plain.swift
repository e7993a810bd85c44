extension FilterEvaluator {
  /// A numbered batch for readers who have no dictionaries.
  ///
  /// - Parameter seed: of the new batch's check.
  package func plain(_ batch: Batch, seed: UInt64) throws(FilterFailure) -> Batch {
    var payload = ByteWriter(capacity: Int(batch.header.rawLength))
    try FilterFailure.wrapping { () throws(WireDecodingError) in
      try decompressor.decompress(batch, into: &payload)
    }
    var header = batch.header
    header.flags.insert(.reencoded)
    header.dictionary = 0
    return compressor.compress {
      $0.append(payload)
    } finish: { stored, codec, _ in
      header.codec = codec
      header.storedLength = UInt32(stored.byteCount)
      return Batch(unnumbered: header, payload: stored)
    }
    .numbered(firstSequence: header.firstSequence, received: header.received, span: header.span, seed: seed)
  }
}
