extension Duration {
  /// In nanoseconds, clamped to what fits.
  package var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (whole, isTooLarge) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, isTooFar) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
    return isTooLarge || isTooFar ? (seconds < 0 ? .min : .max) : sum
  }
}
