import LogsServer

/// The thread of a hub in virtual time; all threads are one.
///
/// Invariant behind `@unchecked Sendable`: a simulation has one thread.
final class ModelThread: HubThread, @unchecked Sendable {
  private let simulation: Simulation
  weak var hub: Hub?

  init(_ simulation: Simulation) { self.simulation = simulation }

  private final class Call: DelayedCall {
    var body: (() -> Void)?
    init(_ body: @escaping () -> Void) { self.body = body }
    func cancel() { body = nil }
  }

  var wallTime: Int64 { Int64(simulation.milliseconds) * 1_000_000 }

  var monotonicTime: Int64 { wallTime }

  func call(after delay: Duration, _ body: @escaping () -> Void) -> any DelayedCall {
    let call = Call(body)
    let milliseconds = (delay / .milliseconds(1)).rounded(.up)
    simulation.at(simulation.milliseconds + UInt64(milliseconds)) { call.body?() }
    return call
  }

  func reach(_ body: @escaping @Sendable (Hub) -> Void) { if let hub { body(hub) } }
}
