internal import CSystem
internal import Glibc

package enum Heap {
  /// Returns memory that the heap holds but does not use to the system. This may take some milliseconds.
  package static func trim() { logs_trim_heap() }

  /// Asks for large pages behind memory that was not touched yet, for tables that are looked up in no order: with
  /// small ones nearly each look-up also misses the processor's cache of page addresses. Without effect where there are
  /// none.
  package static func useLargePages(_ memory: UnsafeRawBufferPointer) {
    guard let base = memory.baseAddress else { return }
    let pageSize = UInt(sysconf(Int32(_SC_PAGESIZE)))
    let start = (UInt(bitPattern: base) + pageSize - 1) & ~(pageSize - 1)
    let end = (UInt(bitPattern: base) + UInt(memory.count)) & ~(pageSize - 1)
    guard start < end else { return }
    unsafe _ = madvise(UnsafeMutableRawPointer(bitPattern: start), Int(end - start), MADV_HUGEPAGE)
  }
}
