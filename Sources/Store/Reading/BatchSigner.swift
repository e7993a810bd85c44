internal import LogsDisk
internal import LogsWire

/// Checks stored batches of one stream and signs them for its current incarnation.
///
/// One whose dictionary is missing counts as damaged.
///
/// A batch may have been stored under an earlier incarnation (before a restore). A client checks it with the
/// incarnation that STREAM gave, so the server's part of the batch is signed again. Nothing else in it changes.
struct BatchSigner {
  private let seed: UInt64
  private let name: StreamName
  /// Seeds of earlier incarnations, of the segments asked so far.
  private var formerSeeds: Set<UInt64> = []

  init(_ stream: StreamInfo) {
    seed = stream.serverSeed
    name = stream.name
  }

  /// A part of a run: one good batch, or numbers whose batches are damaged.
  enum Part {
    case batch(Run)
    case damaged(ClosedRange<UInt64>)
  }

  /// Splits a run into its batches.
  ///
  /// - Parameter incarnations: returns the incarnations that the run's segment may have signed the stream's batches
  ///   for.
  mutating func parts(
    of run: Run, incarnations: () throws(SQLiteError) -> [Incarnation]
  ) throws(SQLiteError) -> [Part] {
    var parts: [Part] = []
    var offset = 0
    var expected = run.first
    while expected <= run.last {
      guard offset < run.batches.count, let batch = Self.batch(at: offset, in: run),
        batch.header.firstSequence == expected, batch.header.span > 0, batch.header.lastSequence <= run.last
      else {
        // Where the next batch begins is unknown: the rest of the run is lost.
        parts.append(.damaged(expected...run.last))
        return parts
      }
      offset += batch.bytes.count
      let numbers = expected...batch.header.lastSequence
      expected = numbers.upperBound + 1
      if batch.hasDictionary, let bytes = try signed(batch, incarnations) {
        parts.append(.batch(Run(numbers, bytes, batch.dictionary)))
      } else {
        parts.append(.damaged(numbers))
      }
    }
    return parts
  }

  private static func batch(at offset: Int, in run: Run) -> Batch? {
    do throws(WireDecodingError) {
      return try Batch(startOf: run.batches[offset..<run.batches.count], run.dictionary)
    } catch {
      // The reason does not matter: the range is reported as lost.
      return nil
    }
  }

  private mutating func signed(
    _ batch: Batch, _ incarnations: () throws(SQLiteError) -> [Incarnation]
  ) throws(SQLiteError) -> ByteString? {
    guard batch.hasValidCheck else { return nil }
    if batch.hasValidServerCheck(seed: seed) { return batch.bytes }
    if !formerSeeds.contains(where: { batch.hasValidServerCheck(seed: $0) }) {
      for incarnation in try incarnations() {
        formerSeeds.insert(BatchHeader.serverSeed(stream: name, incarnation: incarnation))
      }
      guard formerSeeds.contains(where: { batch.hasValidServerCheck(seed: $0) }) else { return nil }
    }
    let header = batch.header
    var writer = ByteWriter(capacity: batch.bytes.count)
    batch.appendNumbered(
      firstSequence: header.firstSequence, received: header.received, span: header.span, seed: seed, to: &writer)
    return writer.finish()
  }
}
