internal import Synchronization

/// Counts the memory of output queued in the connections of a server. Copied bytes count for each connection, shared
/// ones once, however many connections share them.
package final class OutputMeter: Sendable {
  private let held = Atomic<Int>(0)

  package init() {}

  package var byteCount: Int { held.load(ordering: .relaxed) }

  func add(_ byteCount: Int) { held.wrappingAdd(byteCount, ordering: .relaxed) }
}
