internal import CEvent
internal import LogsSystem
internal import LogsWire

/// The timers of a loop, and the system timer that wakes it for the first of them.
///
/// libevent's own timers would set the alarm before every wait: a system call in each turn, for timers that are seconds
/// away.
struct TimerQueue: ~Copyable {
  let alarm: Descriptor
  /// A binary heap: no timer is due before the one at half its index.
  private var heap: [LoopTimer] = []
  private var numberLast: UInt64 = 0
  /// When the alarm will fire; nil if it is off.
  private var ringsAt: MonotonicTime?

  init() throws(TransportError) {
    let number = logs_timerfd()
    guard number >= 0 else {
      throw .noLoop()
    }
    alarm = Descriptor(adopting: number)
  }

  /// Adds a timer after those with the same deadline.
  mutating func insert(_ timer: LoopTimer) {
    numberLast += 1
    timer.number = numberLast
    heap.append(timer)
    rise(from: heap.count - 1)
  }

  /// Removes a timer, if it is there.
  mutating func remove(_ timer: LoopTimer) {
    guard let place = timer.place else { return }
    timer.place = nil
    let last = heap.removeLast()
    guard last !== timer else { return }
    put(last, at: place)
    rise(from: place)
    sink(from: last.place ?? place)
  }

  /// Removes all timers that are due, in the order of their deadlines.
  mutating func takeDue(at now: MonotonicTime) -> [LoopTimer] {
    var due: [LoopTimer] = []
    while let first = heap.first, first.deadline <= now {
      remove(first)
      due.append(first)
    }
    return due
  }

  /// Sets the alarm for the first timer. If it would fire too early, it is left as it is: most timers are cancelled
  /// before they are due, and a needless wake-up costs less than setting the alarm each time.
  mutating func setAlarm() {
    guard let first = heap.first?.deadline else { return }
    if let ringsAt, ringsAt <= first { return }
    ringsAt = first
    // 0 would turn it off.
    precondition(logs_timerfd_set(alarm.number, max(first.nanoseconds, 1)) == 0, "an alarm can be set")
  }

  /// The alarm has fired.
  mutating func clearAlarm() {
    logs_timerfd_clear(alarm.number)
    ringsAt = nil
  }

  // MARK: The heap

  private mutating func put(_ timer: LoopTimer, at place: Int) {
    heap[place] = timer
    timer.place = place
  }

  private mutating func rise(from start: Int) {
    var place = start
    let timer = heap[place]
    while place > 0, timer.isDue(before: heap[(place - 1) / 2]) {
      put(heap[(place - 1) / 2], at: place)
      place = (place - 1) / 2
    }
    put(timer, at: place)
  }

  private mutating func sink(from start: Int) {
    var place = start
    let timer = heap[place]
    while 2 * place + 1 < heap.count {
      var next = 2 * place + 1
      if next + 1 < heap.count, heap[next + 1].isDue(before: heap[next]) { next += 1 }
      guard heap[next].isDue(before: timer) else { break }
      put(heap[next], at: place)
      place = next
    }
    put(timer, at: place)
  }
}

extension LoopTimer {
  fileprivate func isDue(before other: LoopTimer) -> Bool { (deadline, number) < (other.deadline, other.number) }
}
