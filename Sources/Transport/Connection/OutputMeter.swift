internal import Synchronization

/// How much memory the output takes that waits in the connections of a server: copied bytes for each, shared ones once,
/// however many wait for them.
package final class OutputMeter: Sendable {
  private let held = Atomic<Int>(0)

  package init() {}

  package var byteCount: Int { held.load(ordering: .relaxed) }

  func add(_ byteCount: Int) { held.wrappingAdd(byteCount, ordering: .relaxed) }
}
