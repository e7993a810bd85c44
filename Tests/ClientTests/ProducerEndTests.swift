import LogsWire
import Testing

@testable import LogsClient

/// How a producer ends, and what becomes of its entries.
@Suite(.endsHangs) struct ProducerEndTests {
  @Test func `a shutdown drains, and nothing is accepted after it`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try testProducer(client) { $0.linger = .seconds(3600) }
    for number in 1...2_500 { producer.log(LogEntry(message: ByteString("\(number)"))) }
    #expect(await producer.shutdown())
    #expect(try await server.onLoop { $0.streams[web]?.head } == 2_500)
    producer.log(.info, "late")
    #expect(producer.counts.dropped == 1)
    await #expect { try await producer.append(entries(1...1)) } throws: {
      ($0 as? LogError)?.code == .closed && "\($0)".contains("producer")
    }
    await #expect { try await producer.complete() } throws: { ($0 as? LogError)?.code == .closed }
    #expect(await producer.shutdown())
    await client.shutdown()
  }

  @Test func `a shutdown without a server ends at its deadline, and lost entries are counted`() async throws {
    let client = try LogClient(.test("logs://127.0.0.1:1"))
    let producer = try testProducer(client)
    for number in 1...100 { producer.log(LogEntry(message: ByteString("\(number)"))) }
    let waiting = try await producer.submit(entries(101...110))
    #expect(await !producer.flush(timeout: .milliseconds(20)))
    #expect(await !producer.shutdown(deadline: .milliseconds(20)))
    #expect(await !producer.flush(timeout: .zero))
    #expect(await !producer.shutdown(deadline: .zero))
    #expect(producer.counts.dropped == 110)
    #expect(producer.counts.waiting == 0)
    await #expect { try await waiting.receipt } throws: { ($0 as? LogError)?.code == .closed }
    await client.shutdown(deadline: .zero)
  }

  @Test func `a run ends with the shutdown, and at once when it is cancelled`() async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let graceful = try testProducer(client)
    let run = Task { try await graceful.run() }
    graceful.log(.info, "1")
    let stop = Task { await graceful.shutdown(deadline: .seconds(300)) }
    try await server.onLoop { $0.speak() }
    #expect(await stop.value)
    try await run.value
    // Once it has drained, a later cancellation changes nothing.
    let late = Task {
      await untilCancelled()
      try await graceful.run()
    }
    late.cancel()
    try await late.value

    let cancelled = try testProducer(client)
    let cancelledRun = Task { try await cancelled.run() }
    cancelledRun.cancel()
    await #expect { try await cancelledRun.value } throws: { ($0 as? LogError)?.code == .cancelled }
    await #expect { try await cancelled.append(entries(1...1)) } throws: { ($0 as? LogError)?.code == .closed }
    await client.shutdown()
  }

  @Test func `a producer without references ends, and fails waiting callers`() async throws {
    let client = try LogClient(.test("logs://127.0.0.1:1"))
    var held: LogProducer? = try testProducer(client)
    let pending = try await held?.submit(entries(1...3))
    held = nil
    await #expect { try await pending?.receipt } throws: { ($0 as? LogError)?.code == .closed }
    await client.shutdown(deadline: .zero)
  }

  @Test func `batches that an ended producer has given up are not sent by its client`() async throws {
    let server = try await FakeServer.start { $0.goDown() }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    for number in 1...3 {
      let producer = try testProducer(client)
      producer.log(.info, "\(number)")
      #expect(await !producer.shutdown(deadline: .milliseconds(10)))
      #expect(producer.counts.dropped == 1)
    }
    try await server.onLoop { $0.comeUp() }
    let last = try testProducer(client)
    #expect(try await last.append(entries(4...4)).sequences == 1...1)
    await last.shutdown()
    await client.shutdown()
    #expect(try await server.onLoop { $0.streams[web]?.messages } == ["4"])
  }

  @Test func `once its client is shut down, nobody waits for answers that cannot come`() async throws {
    let client = try LogClient(.test("logs://127.0.0.1:1"))
    let kept = Shared(BacklogTotals())
    let producer = try testProducer(client, kept: kept) {
      $0.whenFull = .wait
      $0.queueByteCountMax = 64 << 10
    }
    let filling = Task {
      var generator = SeededGenerator(seed: 1)
      while true {
        let noise = (0..<200).map { _ in String(generator.next(), radix: 36) }.joined()
        _ = try await producer.submit([LogEntry(message: ByteString(noise))])
      }
    }
    // No room is left behind those that wait for their answers.
    await kept.until { $0.byteCount >= 48 << 10 }
    async let isDone = producer.flush(timeout: .seconds(3600))
    await client.shutdown(deadline: .zero)
    #expect(await !isDone)
    await #expect { try await filling.value } throws: { ($0 as? LogError)?.code == .closed }
    #expect(await !producer.shutdown(deadline: .seconds(3600)))
  }

  @Test func `a client that is shut down first leaves nobody waiting`() async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let producer = try testProducer(client)
    let first = try await producer.submit(entries(1...3))
    await client.shutdown(deadline: .zero)
    await #expect { try await first.receipt } throws: { ($0 as? LogError)?.code == .closed }
    await #expect { try await producer.append(entries(4...4)) } throws: { ($0 as? LogError)?.code == .closed }
    #expect(await !producer.shutdown(deadline: .milliseconds(10)))
  }
}
