import CFaultVFS
import CSQLite
import Synchronization

/// A disk under SQLite that fails when a test wants it to.
final class SpoolDisk: Sendable {
  /// SQLite's operations on the disk, and how they fail.
  struct Fault: Sendable {
    var operations: Set<UInt32> = [FAULT_WRITE.rawValue, FAULT_SYNC.rawValue, FAULT_TRUNCATE.rawValue]
    var code: Int32
    /// How many operations succeed before that.
    var skip = 0
    /// How many fail.
    var count = Int.max
  }

  private struct State {
    var fault: Fault?
    var failedCount = 0
    var onOperation: (@Sendable () -> Void)?
  }

  let name: String
  private let state = Mutex(State())
  private static let counter = Atomic<Int>(0)

  static let failedSync = SQLITE_IOERR | (4 << 8)
  static let failedRead = SQLITE_IOERR | (1 << 8)

  init() {
    name = "spool-\(Self.counter.add(1, ordering: .relaxed).newValue)"
    let code = fault_vfs_register(
      name, Unmanaged.passUnretained(self).toOpaque(),
      { context, operation, _, _, _, _ in SpoolDisk.from(context).before(UInt32(operation)) }, { _, _, _, _, _, _ in })
    precondition(code == SQLITE_OK, "a VFS can be registered")
  }

  deinit { fault_vfs_unregister(name) }

  private static func from(_ context: UnsafeMutableRawPointer?) -> SpoolDisk {
    guard let context else { preconditionFailure("the VFS was registered with its disk") }
    return Unmanaged<SpoolDisk>.fromOpaque(context).takeUnretainedValue()
  }

  func inject(_ fault: Fault) {
    state.withLock {
      $0.fault = fault
      $0.failedCount = 0
    }
  }

  func heal() { state.withLock { $0.fault = nil } }

  /// Called before each write, sync and truncation.
  func onChange(_ body: (@Sendable () -> Void)?) { state.withLock { $0.onOperation = body } }

  /// How many operations the last fault has failed.
  var failedCount: Int { state.withLock { $0.failedCount } }

  private func before(_ operation: UInt32) -> Int32 {
    let isChange = [FAULT_WRITE.rawValue, FAULT_SYNC.rawValue, FAULT_TRUNCATE.rawValue].contains(operation)
    if isChange, let body = state.withLock({ $0.onOperation }) { body() }
    return state.withLock { state in
      guard var fault = state.fault, fault.operations.contains(operation) else { return SQLITE_OK }
      defer { state.fault = fault }
      if fault.skip > 0 {
        fault.skip -= 1
        return SQLITE_OK
      }
      guard fault.count > 0 else { return SQLITE_OK }
      fault.count -= 1
      state.failedCount += 1
      return fault.code
    }
  }
}
