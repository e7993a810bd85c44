internal import LogsSystem

/// Gives memory back to the system when much less of it is in use than before. The heap would otherwise keep it.
struct SpareMemory {
  /// How many bytes must have become free.
  static let byteCountMin = 32 << 20

  private var peakByteCount = 0

  /// - Parameter byteCount: the memory in use now.
  /// - Returns: whether to give back the spare memory.
  mutating func isDue(inUse byteCount: Int) -> Bool {
    peakByteCount = max(peakByteCount, byteCount)
    guard byteCount <= peakByteCount / 2, peakByteCount - byteCount >= Self.byteCountMin else { return false }
    peakByteCount = byteCount
    return true
  }

  /// Runs on a thread of its own, since it takes some milliseconds. If no thread can be started, the memory is kept.
  static func giveBack() { do { _ = try Thread(starting: "trim-heap") { Heap.trim() } } catch { return } }
}
