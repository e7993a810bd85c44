internal import LogsWire

/// Finds the batches in some bytes that are as they were stored for a stream.
struct WholeBatches {
  /// The incarnations that its batches may have been signed under, by their seeds.
  private let seeds: [(seed: UInt64, incarnation: Incarnation)]

  init(_ name: StreamName, _ incarnations: [Incarnation]) {
    seeds = incarnations.map { (BatchHeader.serverSeed(stream: name, incarnation: $0), $0) }
  }

  /// The first batch at the beginning of some bytes that passes its producer's check, whichever stream it is of.
  static func first(in bytes: ByteString) -> Batch? {
    let batch: Batch
    do throws(WireDecodingError) { batch = try Batch(startOf: bytes) } catch { return nil }
    let header = batch.header
    let isPossible = header.span > 0 && header.firstSequence > 0 && header.lastSequence <= UInt64(Limits.numberMax)
    return isPossible && batch.hasValidCheck ? batch : nil
  }

  func isSigner(of batch: Batch) -> Bool { seeds.contains { batch.hasValidServerCheck(seed: $0.seed) } }

  struct Found {
    var batch: Batch
    var incarnation: Incarnation

    var numbers: ClosedRange<UInt64> { batch.header.firstSequence...batch.header.lastSequence }
  }

  /// The batches that are whole, ascending, and whether there is nothing else.
  ///
  /// - Parameter hasDictionary: whether the one with an id is there: a batch that needs another one is worth nothing.
  func find(
    in bytes: ByteString, hasDictionary: (UInt64) -> Bool = { _ in true }
  ) -> (batches: [Found], isAll: Bool) {
    var found: [Found] = []
    var isAll = true
    var offset = 0
    while offset + BatchHeader.byteCount <= bytes.count {
      if let batch = batch(at: offset, in: bytes), batch.numbers.lowerBound > found.last?.numbers.upperBound ?? 0 {
        offset += batch.batch.bytes.count
        let dictionary = batch.batch.header.dictionary
        if dictionary == 0 || hasDictionary(dictionary) { found.append(batch) } else { isAll = false }
        continue
      }
      isAll = false
      // The next one begins anywhere behind what is damaged.
      guard let next = next(in: bytes, from: offset + 1, behind: found.last?.numbers.upperBound ?? 0) else { break }
      offset = next
    }
    return (found, isAll && offset == bytes.count)
  }

  private func next(in bytes: ByteString, from offset: Int, behind number: UInt64) -> Int? {
    let span = bytes.span
    var offset = offset
    while offset + BatchHeader.byteCount <= bytes.count {
      let first = unsafe span.unsafeLoadUnaligned(fromByteOffset: offset + Self.firstOffset, as: UInt64.self)
      let format = unsafe span.unsafeLoad(fromByteOffset: offset + Self.formatOffset, as: UInt8.self)
      if format == BatchHeader.format, first > number, first <= UInt64(Limits.numberMax),
        batch(at: offset, in: bytes) != nil
      {
        return offset
      }
      offset += 1
    }
    return nil
  }

  /// Where a header has the first number and the format.
  private static let firstOffset = 8
  private static let formatOffset = 40

  private func batch(at offset: Int, in bytes: ByteString) -> Found? {
    let batch: Batch
    do throws(WireDecodingError) { batch = try Batch(startOf: bytes[offset..<bytes.count]) } catch { return nil }
    let header = batch.header
    guard header.span > 0, header.firstSequence > 0, header.lastSequence <= UInt64(Limits.numberMax),
      batch.hasValidCheck
    else { return nil }
    for (seed, incarnation) in seeds where batch.hasValidServerCheck(seed: seed) {
      return Found(batch: batch, incarnation: incarnation)
    }
    return nil
  }
}
