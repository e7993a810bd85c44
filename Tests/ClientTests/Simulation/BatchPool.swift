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

  static let byteCountMax = all.map(\.bytes.count).max() ?? 0
}
