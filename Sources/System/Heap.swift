internal import CSystem

package enum Heap {
  /// Returns memory that the heap holds but does not use to the system. This may take some milliseconds.
  package static func trim() { logs_trim_heap() }
}
