import Glibc
import LogsSystem
import LogsTransport
import LogsWire
import Synchronization
import Testing

@Suite struct LoopTests {
  @Test func `work from many threads runs once each, in each thread's order`() async throws {
    let loop = try EventLoop.start(name: "test")
    defer { loop.stop() }
    let seen = LoopBox<[Int: [Int]]>([:])
    await withTaskGroup(of: Void.self) { group in
      for thread in 0..<8 {
        group.addTask {
          for number in 0..<1000 { loop.execute { seen.value[thread, default: []].append(number) } }
        }
      }
    }
    let result = await loop.run { seen.value }
    #expect(result.count == 8)
    for numbers in result.values { #expect(numbers == Array(0..<1000)) }
  }

  @Test func `timers fire in the order of their deadlines and never early`() async throws {
    let loop = try EventLoop.start(name: "test")
    defer { loop.stop() }
    let (order, early) = await withCheckedContinuation { (continuation: CheckedContinuation<([Int], Int), Never>) in
      loop.execute {
        var order: [Int] = []
        var early = 0
        for delay in [30, 10, 20, 0] {
          let start = loop.now
          loop.schedule(after: .milliseconds(delay)) {
            order.append(delay)
            if loop.now.nanoseconds(since: start) < UInt64(delay) * 1_000_000 { early += 1 }
            if order.count == 4 { continuation.resume(returning: (order, early)) }
          }
        }
      }
    }
    #expect(order == [0, 10, 20, 30])
    #expect(early == 0)
  }

  @Test func `a cancelled timer does not fire, even if cancelled by one due at the same time`() async throws {
    let loop = try EventLoop.start(name: "test")
    defer { loop.stop() }
    let fired = await withCheckedContinuation { (continuation: CheckedContinuation<[String], Never>) in
      loop.execute {
        var fired: [String] = []
        var second: LoopTimer?
        loop.schedule(after: .milliseconds(5)) {
          fired.append("first")
          second?.cancel()
          second?.cancel()
        }
        second = loop.schedule(after: .milliseconds(5)) { fired.append("second") }
        loop.schedule(after: .milliseconds(20)) { continuation.resume(returning: fired) }
      }
    }
    #expect(fired == ["first"])
  }

  @Test func `of many timers, each that is not cancelled fires once, in the order of deadlines`()
    async throws
  {
    let loop = try EventLoop.start(name: "test")
    defer { loop.stop() }
    let seed = UInt64.random(in: 0..<1_000_000)
    let (expected, fired) = await withCheckedContinuation {
      (continuation: CheckedContinuation<([Int], [Int]), Never>) in
      loop.execute {
        var random = seed
        func below(_ count: Int) -> Int {
          random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
          return Int(random >> 33) % count
        }
        var fired: [Int] = []
        var timers: [(number: Int, delay: Int, timer: LoopTimer)] = []
        for number in 0..<2000 {
          let delay = below(30)
          timers.append((number, delay, loop.schedule(after: .milliseconds(delay)) { fired.append(number) }))
          if below(3) == 0 { timers.remove(at: below(timers.count)).timer.cancel() }
        }
        let expected = timers.sorted { ($0.delay, $0.number) < ($1.delay, $1.number) }.map(\.number)
        loop.schedule(after: .milliseconds(31)) { continuation.resume(returning: (expected, fired)) }
      }
    }
    #expect(fired == expected, "seed \(seed)")
  }

  @Test func `work deferred to the end of a turn runs once, and work that it hands over runs before the loop waits`()
    async throws
  {
    let loop = try EventLoop.start(name: "test")
    let events = LoopBox<[String]>([])
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      loop.execute {
        loop.executeAtEndOfTurn {
          events.value.append("end")
          // The end of this turn comes with the next one, for which nothing else wakes the loop.
          loop.executeAtEndOfTurn {
            events.value.append("next end")
            loop.execute {
              events.value.append("handed over")
              continuation.resume()
            }
          }
        }
        loop.execute { events.value.append("work") }
      }
    }
    loop.execute {
      loop.executeAtEndOfTurn { loop.execute { loop.executeAtEndOfTurn { events.value.append("late") } } }
    }
    loop.stop()
    #expect(events.value == ["work", "end", "next end", "handed over", "late"])
  }

  @Test func `a repeating timer can cancel itself`() async throws {
    let loop = try EventLoop.start(name: "test")
    defer { loop.stop() }
    let count = await withCheckedContinuation { (continuation: CheckedContinuation<Int, Never>) in
      loop.execute {
        var count = 0
        var timer: LoopTimer?
        timer = loop.every(.milliseconds(2)) {
          count += 1
          guard count == 3 else { return }
          timer?.cancel()
          loop.schedule(after: .milliseconds(10)) { continuation.resume(returning: count) }
        }
      }
    }
    #expect(count == 3)
  }

  @Test func `time stands still within a turn`() async throws {
    let loop = try EventLoop.start(name: "test")
    defer { loop.stop() }
    let times = await loop.run {
      let (first, real) = (loop.now, MonotonicTime.now())
      while MonotonicTime.now() == real {}
      return [first, loop.now]
    }
    #expect(times[0] == times[1])
    let later = await loop.run { loop.now }
    #expect(later > times[0])
  }

  @Test func `work handed over by a callback runs, and so does work that it hands over`() async throws {
    let loop = try EventLoop.start(name: "test")
    defer { loop.stop() }
    // Only the work itself ends the loop's wait.
    for depth in [1, 2, 3, 20] {
      await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
        loop.execute { loop.schedule(after: .zero) { handOver(depth, on: loop) { continuation.resume() } } }
      }
    }
  }

  @Test func `endless work leaves timers their turn`() async throws {
    let loop = try EventLoop.start(name: "test")
    defer { loop.stop() }
    let isOver = LoopBox(false)
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      loop.execute {
        loop.schedule(after: .milliseconds(5)) {
          isOver.value = true
          continuation.resume()
        }
        goOn(until: isOver, on: loop)
      }
    }
  }

  @Test func `stopping runs work handed over earlier, and ends the thread`() throws {
    let loop = try EventLoop.start(name: "test")
    let counter = Counter()
    for _ in 0..<100 { loop.execute { counter.add(1) } }
    loop.stop()
    loop.stop()
    #expect(counter.value == 100)
  }

  @Test func `work for a stopped loop still runs, one piece after the other`() async throws {
    let loop = try EventLoop.start(name: "test")
    loop.stop()
    let probe = Probe(loop: loop)
    let sum = await withTaskGroup(of: Int.self) { group in
      for number in 1...100 { group.addTask { await probe.add(number) } }
      for await _ in group {}
      return await probe.sum
    }
    #expect(sum == 5050)
  }

  @Test func `a stopped loop is freed`() async throws {
    weak let freed: EventLoop?
    do {
      let loop = try EventLoop.start(name: "test")
      await loop.run { _ = loop.schedule(after: .seconds(3600)) { _ = loop } }
      loop.stop()
      freed = loop
    }
    #expect(freed == nil)
  }

  @Test func `an actor lives on the loop and takes callbacks without a hop`() async throws {
    let loop = try EventLoop.start(name: "test")
    defer { loop.stop() }
    let probe = Probe(loop: loop)
    #expect(await probe.isOnLoop)
    #expect(await probe.sumAfterTimer() == 7)
  }
}

/// Calls `body` after this many pieces of work, each handed over by the previous one.
private func handOver(_ depth: Int, on loop: EventLoop, _ body: @escaping @Sendable () -> Void) {
  if depth == 0 { return body() }
  loop.execute { handOver(depth - 1, on: loop, body) }
}

/// Hands over one piece of work after the other until `isOver`.
private func goOn(until isOver: LoopBox<Bool>, on loop: EventLoop) {
  loop.execute { if !isOver.value { goOn(until: isOver, on: loop) } }
}

/// An actor on a loop, as servers and clients have them.
private actor Probe {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
  var sum = 0

  init(loop: EventLoop) { self.loop = loop }

  var isOnLoop: Bool { loop.isOnLoop }

  func add(_ number: Int) -> Int {
    sum += number
    return sum
  }

  func sumAfterTimer() async -> Int {
    await withCheckedContinuation { continuation in
      loop.schedule(after: .milliseconds(1)) {
        self.sum += 7
        continuation.resume(returning: self.sum)
      }
    }
  }
}
