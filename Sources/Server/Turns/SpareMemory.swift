internal import LogsSystem

/// Gives memory back to the system when much less of it is in use than before: the heap would keep it.
struct SpareMemory {
  /// What must have become free.
  static let byteCountMin = 32 << 20

  private var peakByteCount = 0

  /// - Parameter byteCount: what is in use now.
  /// - Returns: whether to give back what is spare.
  mutating func isDue(inUse byteCount: Int) -> Bool {
    peakByteCount = max(peakByteCount, byteCount)
    guard byteCount <= peakByteCount / 2, peakByteCount - byteCount >= Self.byteCountMin else { return false }
    peakByteCount = byteCount
    return true
  }

  /// On a thread of its own: it takes some milliseconds. Without one the memory is kept.
  static func giveBack() { do { _ = try Thread(starting: "trim-heap") { Heap.trim() } } catch { return } }
}
