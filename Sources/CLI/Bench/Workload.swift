internal import LogsClient

/// A kind of work that is measured.
///
/// It is prepared once and run any number of times on the same connections; each run gets a meter of its own. `end` is
/// called in any case, whatever failed or was cancelled before.
protocol Workload: Sendable {
  /// What was asked for, for the report.
  var settings: [BenchSetting] { get }
  /// What `entries` are called where people read it.
  var unit: String { get }

  /// Connects, and does as much of the work as it takes to get going.
  mutating func prepare() async throws

  /// Does the work once.
  ///
  /// - Parameters:
  ///   - number: of the run, from 1.
  ///   - meter: told of everything that counts.
  mutating func run(_ number: Int, _ meter: Meter) async throws -> RunOutcome

  /// Closes the connections.
  func end() async
}

/// What a run tells beside what its meter was told.
struct RunOutcome: Sendable {
  let nanoseconds: UInt64
  var deliveries: Deliveries?
}

/// How much of what was to be delivered was.
struct Deliveries: Sendable {
  /// Entries that were due to be handed over, once for each follower.
  var expected: UInt64
  var made: UInt64
  /// The most entries that a follower was behind those that were due, at any of its receipts.
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

/// Ends clients at once: nothing waits for them any more.
func close(_ clients: [LogClient]) async {
  await withTaskGroup { group in
    for client in clients { group.addTask { await client.shutdown(deadline: .zero) } }
  }
}
