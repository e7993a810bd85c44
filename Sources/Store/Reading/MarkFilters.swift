internal import LogsDisk
internal import LogsWire
internal import Synchronization

/// Which producers have marks in which sealed segments, so that a look-up opens only segments that may have the mark.
///
/// A segment's filter is built from its table of marks at the first look-up that needs it. It may wrongly say yes,
/// never no. A segment without a filter, because the limit for all is reached or its marks cannot be read, is
/// searched itself.
final class MarkFilters: Sendable {
  /// For all segments together: four million pairs of a producer and a stream.
  static let byteCountMax = 16 << 20
  /// How long one look-up builds filters; the next one continues.
  static let makingTimeMax = Duration.milliseconds(5)

  private struct State: Sendable {
    /// Sorted; nil for a segment that gets no filter.
    var filters: [Int64: [UInt32]?] = [:]
    var byteCount = 0
    var trimmedBelow: Int64 = 0
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

  /// Whether the segment's filter has not been built yet.
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

  /// Forgets the filters of segments that were trimmed.
  func drop(below number: Int64) {
    state.withLock { state in
      guard state.trimmedBelow < number else { return }
      state.trimmedBelow = number
      for (segment, hashes) in state.filters where segment < number {
        state.filters[segment] = nil
        state.byteCount -= Self.byteCount(hashes)
      }
    }
  }

  private static func byteCount(_ hashes: [UInt32]?) -> Int { (hashes?.count ?? 0) * MemoryLayout<UInt32>.size }

  /// Builds the filter of a segment; `forEach` calls its argument with each hash until it returns false.
  func make(of segment: Segment, _ forEach: ((UInt32) -> Bool) throws(SQLiteError) -> Void) {
    let countMax = (byteCountMax - state.withLock { $0.byteCount }) / MemoryLayout<UInt32>.size
    var hashes: [UInt32]? = []
    do throws(SQLiteError) {
      try forEach { hash in
        if hashes?.count ?? 0 >= countMax { hashes = nil } else { hashes?.append(hash) }
        return hashes != nil
      }
    } catch {
      // What has its place now gets a filter at the next look-up.
      if segment.isGone { return }
      // A look-up in that segment gets the error and reports it.
      hashes = nil
    }
    hashes?.sort()
    state.withLock { state in
      guard state.filters[segment.number] == nil, segment.number >= state.trimmedBelow else { return }
      state.filters[segment.number] = .some(hashes)
      state.byteCount += Self.byteCount(hashes)
    }
  }
}
