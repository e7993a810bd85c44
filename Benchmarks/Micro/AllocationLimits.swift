/// What one operation may allocate at most: a tenth above what was measured, and far below one for each entry.
///
/// Code that is not optimized allocates more; tests run such code, `make bench` the other.
enum AllocationLimits {
  static let frameEncode = limit(2, debug: 2)
  static let frameDecode = limit(4, debug: 4)
  /// Once more for each doubling of the different rows of a column.
  static let batchCheck = limit(4, debug: 21)
  static let batchCheckWithAttributes = limit(8, debug: 32)
  static let catchUpRead = limit(100, debug: 1_000)
  static let newestRead = limit(60, debug: 500)
  static let fanOut = limit(5, debug: 50)

  /// For a commit, for each batch and for each row in it.
  static func append(batches batchCount: Int, streams streamCount: Int) -> Double {
    let (each, batch, row) = (limit(12, debug: 30), limit(10, debug: 50), limit(19, debug: 30))
    return each + batch * Double(batchCount) + row * Double(streamCount)
  }

  private static func limit(_ count: Double, debug: Double) -> Double {
    #if DEBUG
      debug
    #else
      count
    #endif
  }
}
