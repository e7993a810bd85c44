internal import LogsClient

/// A kind of work that is measured.
///
/// It is prepared once and run any number of times on the same connections; each run gets its own meter. `end` is
/// always called, even after a failure or a cancellation.
protocol Workload: Sendable {
  /// The settings, for the report.
  var settings: [BenchSetting] { get }
  /// The word for `entries` in tables for people.
  var unit: String { get }

  /// Connects, and warms up.
  mutating func prepare() async throws

  /// Does the work once.
  ///
  /// - Parameters:
  ///   - number: of the run, from 1.
  ///   - meter: records everything that counts.
  mutating func run(_ number: Int, _ meter: Meter) async throws -> RunOutcome

  /// Closes the connections.
  func end() async
}

/// What a run returns besides what its meter has recorded.
struct RunOutcome: Sendable {
  let nanoseconds: UInt64
  var deliveries: Deliveries?
}

/// How much was delivered, and how much should have been.
struct Deliveries: Sendable {
  /// Entries that were due to be handed over, once for each follower.
  var expected: UInt64
  var made: UInt64
  /// The most entries that were due and that a follower did not have yet when it received something.
  var lagMax: UInt64
}

/// One of the settings of a measurement, as the report shows it.
struct BenchSetting: Sendable {
  let name: String
  let datum: Datum

  init(_ name: String, _ number: Int) { (self.name, datum) = (name, .count(UInt64(max(0, number)))) }
  init(_ name: String, _ number: UInt64) { (self.name, datum) = (name, .count(number)) }
  init(_ name: String, seconds: Double) { (self.name, datum) = (name, .measure(seconds)) }
  init(_ name: String, _ text: String) { (self.name, datum) = (name, .text(text)) }
}

/// Ends clients at once, without waiting for anything.
func close(_ clients: [LogClient]) async {
  await withTaskGroup { group in
    for client in clients { group.addTask { await client.shutdown(deadline: .zero) } }
  }
}
