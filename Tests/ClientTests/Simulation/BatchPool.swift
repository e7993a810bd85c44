import LogsWire

/// Batches that are made once for all runs, more than a run hands over. A run uses each at most once, so that its
/// check identifies it.
enum BatchPool {
  static let all: [Batch] = {
    var random = SeededGenerator(seed: 1)
    var builder = BatchBuilder(seed: 1)
    let compressor = Compressor()
    return (0..<600).map { index in
      do {
        for entry in 0...random.next() % 3 {
          // Sometimes one that fills several packets.
          let filler = random.next() % 12 == 0 ? (0..<300).map { _ in UInt8(truncatingIfNeeded: random.next()) } : []
          _ = try builder.append(LogEntry(message: ByteString(Array("\(index).\(entry) ".utf8) + filler)))
        }
      } catch { fatalError("an entry of the pool cannot be appended: \(error)") }
      return builder.finish(compressor: compressor)
    }
  }()

  /// A dictionary that has all of them.
  static let dictionary = Result {
    let unpacker = BatchUnpacker()
    return try BatchDictionary(content: ByteString(all.flatMap { try unpacker.payload(of: $0).array }))
  }

  private static let checks: [ByteString: UInt64] = {
    let unpacker = BatchUnpacker()
    do {
      return try Dictionary(uniqueKeysWithValues: all.map { (try unpacker.payload(of: $0), $0.header.check) })
    } catch { fatalError("a batch of the pool cannot be unpacked: \(error)") }
  }()

  /// The check of the batch that this one is, or was before it was compressed with a dictionary; nil if that is none.
  static func check(of batch: Batch) -> UInt64? {
    guard batch.header.dictionary != 0 else { return batch.header.check }
    do { return checks[try BatchUnpacker().payload(of: batch)] } catch { return nil }
  }

  static let byteCountMax = all.map(\.bytes.count).max() ?? 0
}
