import LogsWire

/// Virtual time, seeded randomness and a trace: everything that happens in a simulated world, in one order.
///
/// One thread; nothing here reads a clock or iterates a Dictionary or Set, so one seed gives one trace.
final class Simulation {
  var random: SeededGenerator
  /// In milliseconds.
  private(set) var milliseconds: UInt64 = 0
  /// The events of each millisecond, in the order in which they were planned.
  private var plans: [[() -> Void]] = []
  /// How many events of this millisecond have happened.
  private var happenedCount = 0
  /// Whether events are recorded; a world that needs only the result is faster without.
  var isTracing = true
  private(set) var traceHash: UInt64 = 0xcbf2_9ce4_8422_2325
  private(set) var traceCount = 0
  private(set) var lastLines: [String] = []
  private(set) var problems: [String] = []

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  var now: MonotonicTime { MonotonicTime(nanoseconds: 0).advanced(byMilliseconds: milliseconds) }

  func trace(_ line: @autoclosure () -> String) {
    guard isTracing else { return }
    let line = "\(milliseconds) \(line())"
    for byte in line.utf8 { traceHash = (traceHash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    traceCount += 1
    lastLines.append(line)
    if lastLines.count > 400 { lastLines.removeFirst(200) }
  }

  /// Something that must never happen has happened.
  func fail(_ problem: String) {
    trace("PROBLEM \(problem)")
    problems.append("at \(milliseconds) ms: \(problem)")
  }

  func chance(_ oneIn: Int) -> Bool { random.chance(oneIn) }
  func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

  func after(_ delay: ClosedRange<Int>, _ body: @escaping () -> Void) {
    at(milliseconds + UInt64(draw(delay)), body)
  }

  func at(_ time: UInt64, _ body: @escaping () -> Void) {
    let time = Int(max(time, milliseconds))
    while plans.count <= time { plans.append([]) }
    plans[time].append(body)
  }

  /// Forgets planned events, which keep their subjects alive.
  func stop() { plans = [] }

  /// Runs until `isDone`, or until nothing is left, or until the time is over.
  func run(until end: UInt64, _ isDone: () -> Bool) {
    var time = Int(milliseconds)
    while time < plans.count, time <= Int(end) {
      // Events may plan more for the same millisecond.
      while happenedCount < plans[time].count {
        if isDone() { return }
        milliseconds = UInt64(time)
        let body = plans[time][happenedCount]
        happenedCount += 1
        body()
      }
      plans[time] = []
      happenedCount = 0
      time += 1
    }
  }
}
