internal import CSystem

package enum Heap {
  /// Gives the system the memory that the heap holds and does not use. It may take some milliseconds.
  package static func trim() { logs_trim_heap() }
}
