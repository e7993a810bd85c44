import LogsWire

/// Virtual time, seeded chance and a trace: everything that happens in a simulated world, in one order.
///
/// One thread; nothing here reads a clock or iterates a Dictionary or Set, so one seed gives one trace.
final class Simulation {
  private struct Event {
    let time: UInt64
    let order: UInt64
    let body: () -> Void
  }

  var random: SeededGenerator
  /// In milliseconds.
  private(set) var milliseconds: UInt64 = 0
  private var queue: [Event] = []
  private var order: UInt64 = 0
  /// Whether it is written down what happens; a world that runs for its outcome alone is faster without.
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

  /// What must never happen has happened.
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
    order += 1
    queue.append(Event(time: max(time, milliseconds), order: order, body: body))
    var child = queue.count - 1
    while child > 0, isBefore(child, (child - 1) / 2) {
      queue.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  /// Runs until `isDone` or until nothing is left or the time is over.
  func run(until end: UInt64, _ isDone: () -> Bool) {
    while let first = queue.first, first.time <= end, !isDone() {
      queue.swapAt(0, queue.count - 1)
      queue.removeLast()
      var parent = 0
      while true {
        var least = parent
        for child in [2 * parent + 1, 2 * parent + 2] where child < queue.count && isBefore(child, least) {
          least = child
        }
        if least == parent { break }
        queue.swapAt(parent, least)
        parent = least
      }
      milliseconds = first.time
      first.body()
    }
  }

  private func isBefore(_ left: Int, _ right: Int) -> Bool {
    (queue[left].time, queue[left].order) < (queue[right].time, queue[right].order)
  }
}
