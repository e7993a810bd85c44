/// Trimmed segments whose files are still there, by number.
struct TrimmedFiles: Sendable {
  /// They are about to be removed: nothing more goes for them.
  private(set) var leaving: Set<Int64> = []
  /// They could not be removed, which is tried again. Others have to go for them.
  private(set) var failed: Set<Int64>
  /// How many have failed since one was removed; all before the start count as one.
  private var failureCount: Int

  init(failed: Set<Int64> = []) {
    self.failed = failed
    failureCount = failed.isEmpty ? 0 : 1
  }

  /// Whether removing segments may make room. Where nothing can be removed, one after the other would go, and all be
  /// lost for nothing.
  var canRemove: Bool { failureCount < 2 }

  /// Whether it is doubtful that another one can be removed.
  var isDoubtful: Bool { failureCount > 0 }

  mutating func noteTrim(_ numbers: [Int64]) { leaving.formUnion(numbers) }

  mutating func noteRemoval(of numbers: [Int64], failed: Set<Int64>) {
    let removed = leaving.union(self.failed).intersection(numbers).subtracting(failed)
    failureCount = removed.isEmpty ? failureCount + leaving.intersection(failed).count : 0
    leaving.subtract(numbers)
    self.failed.formUnion(failed)
    self.failed.subtract(removed)
  }
}
