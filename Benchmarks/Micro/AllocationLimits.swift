/// The most that one operation may allocate: a tenth above the measured number, and far below one for each entry.
///
/// Unoptimized code allocates more; tests run such code, `make bench` runs optimized code.
enum AllocationLimits {
  static let frameEncode = limit(2)
  static let frameDecode = limit(2, debug: 4)
  static let batchEncode = limit(3)
  static let batchDecode = limit(13)
  /// Once more for each doubling of the different rows of a column.
  static let batchCheck = limit(4, debug: 21)
  static let batchCheckWithAttributes = limit(8, debug: 32)
  static let filter = limit(16)
  static let filterExtract = limit(30)
  static let catchUpRead = limit(100)
  static let newestRead = limit(30)
  static let fanOut = limit(5)

  /// For a commit, for each batch and for each row in it.
  static func append(batches batchCount: Int, streams streamCount: Int) -> Double? {
    limit(
      11 + 2 * Double(batchCount) + 13.5 * Double(streamCount),
      debug: 30 + 50 * Double(batchCount) + 30 * Double(streamCount))
  }

  /// - Parameter debug: nil for operations that no test measures.
  private static func limit(_ count: Double, debug: Double? = nil) -> Double? {
    #if DEBUG
      debug
    #else
      count
    #endif
  }
}
