extension FilterEvaluator {
  /// A numbered batch for readers who have no dictionaries.
  ///
  /// - Parameter seed: of the new batch's check.
  package func plain(_ batch: Batch, seed: UInt64) throws(FilterFailure) -> Batch {
    try FilterFailure.wrapping { () throws(WireDecodingError) in
      try BatchRecoder.recode(batch, decompressor, compressor, seed: seed)
    }
  }
}
