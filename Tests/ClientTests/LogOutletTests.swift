import LogsClient
import LogsSystem
import LogsWire
import Synchronization
import Testing

/// A sink that keeps what it is given.
final class KeepingSink: LogSink {
  private let state = Mutex<[LogEntry]>([])
  private let onLog: @Sendable (LogEntry) -> Void

  init(onLog: @escaping @Sendable (LogEntry) -> Void = { _ in }) { self.onLog = onLog }

  func log(_ entry: LogEntry) {
    state.withLock { $0.append(entry) }
    onLog(entry)
  }

  var entries: [LogEntry] { state.withLock { $0 } }
  var texts: [String] { entries.map(\.text) }
}

@Suite(.endsHangs) struct LogOutletTests {
  @Test func `entries logged before the binding come first, with the time at which they were logged`() {
    let outlet = LogOutlet()
    let sink = KeepingSink()
    for entry in entries(1...3) { outlet.log(entry) }
    outlet.log(LogEntry(message: "4", time: 7))
    #expect(outlet.waitingCount == 4)
    let bound = SystemClock.wall()
    outlet.bind(to: sink)
    #expect(outlet.waitingCount == 0)
    for entry in entries(5...6) { outlet.log(entry) }
    #expect(sink.texts == ["1", "2", "3", "4", "5", "6"])
    #expect(sink.entries[..<3].allSatisfy { $0.time > 0 && $0.time <= bound })
    #expect(sink.entries[3].time == 7)
  }

  @Test func `after unbinding entries wait for the next sink`() {
    let outlet = LogOutlet()
    let sinks = [KeepingSink(), KeepingSink()]
    outlet.bind(to: sinks[0])
    outlet.log(LogEntry(message: "1"))
    outlet.unbind()
    outlet.log(LogEntry(message: "2"))
    outlet.bind(to: sinks[1])
    outlet.log(LogEntry(message: "3"))
    // Bound again without unbinding.
    outlet.bind(to: sinks[0])
    outlet.log(LogEntry(message: "4"))
    #expect(sinks.map(\.texts) == [["1", "4"], ["2", "3"]])
  }

  @Test func `entries that do not fit are dropped, and an entry in their place says how many`() {
    let outlet = LogOutlet(waitingEntryCountMax: 3, waitingByteCountMax: 1 << 20)
    // Room comes while the outlet hands over: what was logged then comes after the notice.
    let sink = KeepingSink { if $0.text == "3" { for entry in entries(9...9) { outlet.log(entry) } } }
    for entry in entries(1...8) { outlet.log(entry) }
    outlet.bind(to: sink)
    #expect(sink.texts == ["1", "2", "3", "5 entries dropped: queue full", "9"])
    #expect(sink.entries[3].severity == .warning)
    #expect(sink.entries[3].attributes == [LogAttribute("logs.dropped", 5), LogAttribute("logs.reason", "queue full")])
    #expect(sink.entries[3].time > 0)
    outlet.unbind()
    for entry in entries(11...14) { outlet.log(entry) }
    outlet.bind(to: sink)
    outlet.log(LogEntry(message: "15"))
    #expect(sink.texts[5...] == ["11", "12", "13", "1 entry dropped: queue full", "15"])
  }

  @Test func `bytes are limited as well: in messages, sources and attributes of any depth`() {
    let outlet = LogOutlet(waitingEntryCountMax: 100, waitingByteCountMax: 10_000)
    let text = String(repeating: "x", count: 9_500)
    var deep = AttributeValue.string(text)
    for _ in 0..<4 { deep = .list([.map([LogAttribute("k", deep)])]) }
    let large = [
      LogEntry(message: ByteString(text)), LogEntry(message: "m", source: ByteString(text)),
      LogEntry(message: "m", attributes: [LogAttribute("k", .string(text))]),
      LogEntry(message: "m", attributes: [LogAttribute(text, 1)]),
      LogEntry(message: "m", attributes: [LogAttribute("k", deep)]),
      LogEntry(message: "m", attributes: [LogAttribute("k", .bytes(ByteString(text)))]),
    ]
    for entry in large {
      let sink = KeepingSink()
      outlet.log(entry)
      outlet.log(entry)
      outlet.log(LogEntry(message: "small"))
      #expect(outlet.waitingCount == 3)
      outlet.bind(to: sink)
      #expect(sink.texts == [entry.text, "1 entry dropped: queue full", "small"])
      outlet.unbind()
    }
  }

  @Test func `a sink that logs does not block itself`() {
    let outlet = LogOutlet()
    let sink = KeepingSink { if $0.text.count == 1 { outlet.log(LogEntry(message: ByteString("again \($0.text)"))) } }
    for entry in entries(1...2) { outlet.log(entry) }
    outlet.bind(to: sink)
    outlet.log(LogEntry(message: "3"))
    #expect(sink.texts == ["1", "2", "again 1", "again 2", "3", "again 3"])
  }

  @Test func `every task's entries stay in order while sinks come and go`() async {
    let (taskCount, entryCount) = (4, 5_000)
    let outlet = LogOutlet(waitingEntryCountMax: taskCount * entryCount, waitingByteCountMax: .max)
    let sink = KeepingSink()
    await withTaskGroup { group in
      for task in 0..<taskCount {
        group.addTask { @concurrent in
          for number in 1...entryCount {
            outlet.log(LogEntry(message: ByteString("\(number)"), source: ByteString("\(task)")))
            if number % 100 == 0 { await Task.yield() }
          }
        }
      }
      // Two bind at once, so that one finds the other handing over.
      for _ in 0..<2 {
        group.addTask { @concurrent in
          while sink.entries.count < taskCount * entryCount {
            outlet.bind(to: sink)
            await Task.yield()
            outlet.unbind()
            await Task.yield()
          }
        }
      }
    }
    var last = [Int](repeating: 0, count: taskCount)
    var outOfOrderCount = 0
    for entry in sink.entries {
      let (task, number) = (Int(entry.source.text) ?? 0, Int(entry.number))
      if number != last[task] + 1 { outOfOrderCount += 1 }
      last[task] = number
    }
    #expect(outOfOrderCount == 0)
    #expect(last.allSatisfy { $0 == entryCount })
  }

  @Test func `under a flood every entry arrives or is counted, and binding terminates`() async {
    let (taskCount, entryCount) = (3, 20_000)
    let outlet = LogOutlet(waitingEntryCountMax: 1_000, waitingByteCountMax: .max)
    let sink = KeepingSink()
    let isFull = Shared(false)
    await withTaskGroup { group in
      for _ in 0..<taskCount {
        group.addTask { @concurrent in
          for number in 1...entryCount {
            outlet.log(LogEntry(message: ByteString("\(number)")))
            if number == 1_000 { isFull.change { $0 = true } }
          }
        }
      }
      group.addTask { @concurrent in
        await isFull.until { $0 }
        outlet.bind(to: sink)
      }
    }
    var (arrivedCount, droppedCount) = (0, 0)
    for entry in sink.entries {
      if case .integer(let count)? = entry.attributes.first?.value {
        droppedCount += Int(count)
      } else {
        arrivedCount += 1
      }
    }
    #expect(arrivedCount + droppedCount == taskCount * entryCount)
    #expect(arrivedCount >= 1_000)
  }

  @Test func `a service that logs before its client exists loses no line, not even the last`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let outlet = LogOutlet()
    let logger = StreamLogger(source: "service", to: outlet)
    logger.info("1")
    logger.info("2")
    let client = try LogClient(.test(server.url))
    let producer = try LogProducer(client, stream: web)
    outlet.bind(to: producer)
    logger.info("3")
    logger.critical("4")
    #expect(await producer.shutdown(deadline: .seconds(300)))
    // Nothing takes it anymore, and no harm is done.
    logger.info("5")
    await client.shutdown()
    #expect(try await server.onLoop { $0.streams[web]?.messages } == ["1", "2", "3", "4"])
    #expect(producer.counts.dropped == 1)
  }
}
