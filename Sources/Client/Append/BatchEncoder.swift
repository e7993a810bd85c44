internal import LogsSystem
internal import LogsWire
internal import Synchronization

/// Makes batches of entries, on the caller's thread.
///
/// Invariant behind `@unchecked Sendable`: it is used by one caller at a time, who has taken it out of the pool.
final class BatchEncoder: @unchecked Sendable {
  private var builder = BatchBuilder(seed: HashSeed.process)
  private let compressor = Compressor()

  /// Makes one batch from the entries at `index` and after, and moves `index` past those in it.
  ///
  /// - Parameter truncatedCount: increased by the number of entries that were cut.
  /// - Throws: `LogError` with `invalidEntry`; the encoder then holds entries and must not be used again.
  func next(_ entries: [LogEntry], from index: inout Int, truncatedCount: inout UInt64) throws(LogError) -> Batch {
    try Self.next(entries, from: &index, truncatedCount: &truncatedCount, with: &builder, compressor)
  }

  private static func next(
    _ entries: [LogEntry], from index: inout Int, truncatedCount: inout UInt64, with builder: inout BatchBuilder,
    _ compressor: borrowing Compressor
  ) throws(LogError) -> Batch {
    do throws(InvalidEntry) { try builder.append(entries, from: &index) } catch {
      throw LogError(
        .invalidEntry, "entry \(index) cannot be appended: \(error); none of the entries from there on were",
        cause: error.description)
    }
    truncatedCount += UInt64(builder.truncatedCount)
    return builder.finish(compressor: compressor)
  }
}

/// Free encoders: setting up their tables costs more than encoding most batches.
final class BatchEncoderPool: Sendable {
  private static let encoderCountMax = 4

  private let free = Mutex<[BatchEncoder]>([])

  func take() -> BatchEncoder { free.withLock { $0.popLast() } ?? BatchEncoder() }

  func giveBack(_ encoder: BatchEncoder) { free.withLock { if $0.count < Self.encoderCountMax { $0.append(encoder) } } }
}
