internal import LogsDisk
internal import LogsWire
internal import Synchronization

/// Which producers have marks in which sealed segments, so that looking for a mark opens only segments that may have
/// it.
///
/// A segment's filter is made from its table of marks when a lookup first comes by. It may say yes wrongly, never no. A
/// segment without one is asked itself: past the bound for all of them, or when its marks cannot be read.
final class MarkFilters: Sendable {
  /// For all segments: four million producers and streams.
  static let byteCountMax = 16 << 20
  /// How long one lookup makes filters; the next one goes on.
  static let makingTimeMax = Duration.milliseconds(5)

  private struct State: Sendable {
    /// Sorted; nil for a segment that has none and gets none.
    var filters: [Int64: [UInt32]?] = [:]
    var byteCount = 0
  }

  private let state = Mutex(State())
  private let byteCountMax: Int

  init(byteCountMax: Int = byteCountMax) { self.byteCountMax = byteCountMax }

  static func hash(_ producer: ProducerID, on stream: Int64) -> UInt32 {
    var writer = ByteWriter(capacity: 24)
    writer.append(i64: stream)
    writer.append(u64: producer.high)
    writer.append(u64: producer.low)
    return UInt32(truncatingIfNeeded: XXH3.hash(writer.span))
  }

  /// Whether it is yet to be found out what the segment holds.
  func isMissing(_ segment: Int64) -> Bool { state.withLock { $0.filters[segment] == nil } }

  func excludes(_ hash: UInt32, from segment: Int64) -> Bool {
    guard case .some(.some(let hashes)) = state.withLock({ $0.filters[segment] }) else { return false }
    var low = 0
    var high = hashes.count
    while low < high {
      let middle = (low + high) / 2
      if hashes[middle] == hash { return false }
      if hashes[middle] < hash { low = middle + 1 } else { high = middle }
    }
    return true
  }

  /// Makes the filter of a segment; `forEach` calls its argument with each hash until that answers false.
  func make(_ segment: Int64, _ forEach: ((UInt32) -> Bool) throws(SQLiteError) -> Void) {
    let countMax = (byteCountMax - state.withLock { $0.byteCount }) / MemoryLayout<UInt32>.size
    var hashes: [UInt32]? = []
    do throws(SQLiteError) {
      try forEach { hash in
        if hashes?.count ?? 0 >= countMax { hashes = nil } else { hashes?.append(hash) }
        return hashes != nil
      }
    } catch {
      // Who looks for a mark there meets the error, and tells of it.
      hashes = nil
    }
    hashes?.sort()
    state.withLock { state in
      guard state.filters[segment] == nil else { return }
      state.filters[segment] = .some(hashes)
      state.byteCount += (hashes?.count ?? 0) * MemoryLayout<UInt32>.size
    }
  }
}
