package import LogsWire

extension DeliveredBatch {
  /// Which of its entries a filter lets through, and about which it does not decide.
  ///
  /// - Throws: `LogError` with `damaged`, or `refused` (`filter_too_costly`) by an expression for the stream's name.
  package func numbers(
    passing filter: Filter, _ evaluator: FilterEvaluator
  ) throws(LogError) -> (passing: Set<UInt64>, undecided: [SkippedRange]) {
    var passing: Set<UInt64> = []
    var undecided: [SkippedRange] = []
    for batch in batches {
      let header = batch.header
      let numbers = max(range.lowerBound, header.firstSequence)...min(range.upperBound, header.lastSequence)
      do throws(FilterFailure) {
        let found = try evaluator.numbers(of: batch, filter, stream: stream, in: numbers)
        passing.formUnion(found.passing)
        undecided += found.undecided.map {
          SkippedRange(stream: stream, incarnation: incarnation, range: $0...$0, reason: .undecided)
        }
      } catch {
        if case .damaged(let damage) = error {
          throw LogError(
            .damaged, "a batch of stream \(stream) around \(header.firstSequence) cannot be decoded: \(damage)",
            cause: damage.description)
        }
        throw LogError(
          Refusal(.filterTooCostly, "a regular expression of the filter takes too long on the name of stream \(stream)")
        )
      }
    }
    return (passing, undecided)
  }
}
