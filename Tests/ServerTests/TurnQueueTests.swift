import LogsWire
import Testing

@testable import LogsServer

/// Connections share turns, whatever each of them requests.
@Suite struct TurnQueueTests {
  /// A clock that moves by `step` each time it is read.
  private final class Clock {
    var now = MonotonicTime(nanoseconds: 0)
    let step: UInt64
    init(step: UInt64) { self.step = step }

    func read() -> MonotonicTime {
      defer { now = now.advanced(byNanoseconds: step) }
      return now
    }
  }

  @Test func `connections take turns, even one with little to do beside one with much`() {
    let clock = Clock(step: 0)
    let turnQueue = TurnQueue { clock.read() }
    var left: [UInt64: Int] = [1: 5, 2: 1, 3: 3]
    // However often a connection asks, it is in the queue once.
    for connection in [1, 1, 1, 2, 3, 1] as [UInt64] { turnQueue.append(connection) }
    var order: [UInt64] = []
    turnQueue.run { connection in
      order.append(connection)
      left[connection, default: 0] -= 1
      return left[connection, default: 0] > 0
    }
    #expect(order == [1, 2, 3, 1, 3, 1, 3, 1, 1])
    #expect(turnQueue.isEmpty)
  }

  @Test func `after a millisecond it is the sockets' turn, and then the next in the queue continues`() {
    let clock = Clock(step: 300_000)
    let turnQueue = TurnQueue { clock.read() }
    for connection in 1...6 as ClosedRange<UInt64> { turnQueue.append(connection) }
    var order: [UInt64] = []
    turnQueue.run { connection in
      order.append(connection)
      return true
    }
    #expect(order == [1, 2, 3, 4])
    turnQueue.run { connection in
      order.append(connection)
      return false
    }
    #expect(order == [1, 2, 3, 4, 5, 6, 1, 2])
    #expect(!turnQueue.isEmpty)
  }

  @Test func `a connection that asks for another turn during its own goes behind the others`() {
    let clock = Clock(step: 0)
    let turnQueue = TurnQueue { clock.read() }
    for connection in [1, 2] as [UInt64] { turnQueue.append(connection) }
    var order: [UInt64] = []
    turnQueue.run { connection in
      order.append(connection)
      if order.count == 1 { turnQueue.append(connection) }
      return order.count == 1
    }
    #expect(order == [1, 2, 1])
  }

  @Test func `a connection that sends slow requests is read in small portions as long as it does`() {
    var portion = InputPortion()
    let first = portion.byteCount
    portion.took(1_000, for: first)
    #expect(portion.byteCount == first * 2)
    // A smaller amount than it could have been says nothing.
    portion.took(1_000, for: 100)
    #expect(portion.byteCount == first * 2)
    for _ in 0..<9 { portion.took(1_000, for: portion.byteCount) }
    #expect(portion.byteCount == InputPortion.byteCountMax)
    portion.took(InputPortion.nanosecondsMax * 4, for: portion.byteCount)
    #expect(portion.byteCount == InputPortion.byteCountMax / 4)
    portion.took(.max / InputPortion.nanosecondsMax, for: portion.byteCount)
    #expect(portion.byteCount == InputPortion.byteCountMin)
    portion.took(0, for: portion.byteCount)
    #expect(portion.byteCount == InputPortion.byteCountMin * 2)
  }

  @Test func `memory is returned only once, when half of it and 32 MiB are free`() {
    var memory = SpareMemory()
    let size = SpareMemory.byteCountMin
    let inUse = [size * 4, size * 3, size * 2, size * 2, 0, 0, size - 1, 0]
    #expect(inUse.map { memory.isDue(inUse: $0) } == [false, false, true, false, true, false, false, false])
  }
}
