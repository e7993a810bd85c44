import LogsClient
import LogsWire
import Testing

@Suite(.endsHangs) struct AppendTests {
  @Test func `an append is acknowledged with its sequence numbers`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let first = try await client.append(entries(1...3), to: web)
    let second = try await client.append(entries(4...4), to: web)
    #expect(first.sequences == 1...3)
    #expect(second.sequences == 4...4)
    #expect(first.incarnation == second.incarnation)
    #expect(!first.isDuplicate)
    #expect(try await server.onLoop { $0.streams[web]?.messages } == ["1", "2", "3", "4"])
    await client.shutdown()
  }

  @Test func `submitted entries are stored in order, and each receipt names its own`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    var pending: [PendingAppend] = []
    for number in 1...500 { pending.append(try await client.submit(entries(number...number), to: web)) }
    for (index, pending) in pending.enumerated() {
      #expect(try await pending.receipt.sequences == UInt64(index + 1)...UInt64(index + 1))
    }
    #expect(try await server.onLoop { $0.streams[web]?.messages } == (1...500).map(String.init))
    await client.shutdown()
  }

  @Test func `no more batches of a stream are in flight than the server allows`() async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    for number in 1...100 { _ = try await client.submit(entries(number...number), to: web) }
    // The fake server's session ends a connection that exceeds its credit, so reaching the end is the proof.
    try await server.onLoop { server in
      server.faults.isMute = false
      for connection in server.connections { connection.cut() }
    }
    await server.until { $0.streams[web]?.head == 100 }
    #expect(try await server.onLoop { $0.connections.count } == 1)
    await client.shutdown()
  }

  @Test func `entries that exceed one batch are split and stay in order`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let receipt = try await client.append(entries(1...70_000), to: web)
    #expect(receipt.ranges == [1...70_000])
    #expect(receipt.entryCount == 70_000)
    #expect(try await server.onLoop { $0.streams[web]?.batches.count } == 2)
    await client.shutdown()
  }

  @Test func `a batch whose acknowledgement was lost is sent again, and nothing is stored twice`() async throws {
    let server = try await FakeServer.start { $0.faults.lostAckCount = 3 }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let receipt = try await client.append(entries(1...5), to: web)
    #expect(receipt.isDuplicate)
    #expect(receipt.sequences == 1...5)
    #expect(try await server.onLoop { $0.streams[web]?.head } == 5)
    #expect(try await server.onLoop { Set($0.record.appends.map(\.check)).count } == 1)
    await client.shutdown()
  }

  @Test func `a connection cut at any frame loses, doubles and reorders nothing`() async throws {
    for insideFrame in [false, true] {
      for cut in 0...8 {
        let server = try await FakeServer.start {
          $0.faults.cuts = Array(repeating: cut, count: 4)
          $0.faults.cutsInsideFrame = insideFrame
        }
        defer { server.stop() }
        let client = try LogClient(.test(server.url))
        var pending: [PendingAppend] = []
        for number in 1...40 { pending.append(try await client.submit(entries(number...number), to: web)) }
        for (index, pending) in pending.enumerated() {
          #expect(try await pending.receipt.sequences == UInt64(index + 1)...UInt64(index + 1))
        }
        #expect(try await server.onLoop { $0.streams[web]?.messages } == (1...40).map(String.init))
        await client.shutdown()
      }
    }
  }

  @Test func `batches damaged on the way to the server are sent again`() async throws {
    for corruption in 1...5 {
      let server = try await FakeServer.start { $0.faults.inputCorruptions = [corruption, corruption, corruption] }
      defer { server.stop() }
      let client = try LogClient(.test(server.url))
      for number in 1...10 {
        let sequence = UInt64(number)
        #expect(try await client.append(entries(number...number), to: web).sequences == sequence...sequence)
      }
      #expect(try await server.onLoop { $0.streams[web]?.messages } == (1...10).map(String.init))
      await client.shutdown()
    }
  }

  @Test func `a temporary refusal is resolved by sending everything again in order`() async throws {
    let server = try await FakeServer.start { server in
      let refusals = Shared(0)
      server.faults.onAppend = { append in
        guard append.number == 5, refusals.value < 3 else { return nil }
        refusals.change { $0 += 1 }
        return Refusal(.overloaded, "a test", isRetryable: true, retryAfterMilliseconds: 1)
      }
    }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    var pending: [PendingAppend] = []
    for number in 1...60 { pending.append(try await client.submit(entries(number...number), to: web)) }
    for (index, pending) in pending.enumerated() {
      #expect(try await pending.receipt.sequences == UInt64(index + 1)...UInt64(index + 1))
    }
    #expect(try await server.onLoop { $0.streams[web]?.messages } == (1...60).map(String.init))
    #expect(try await server.onLoop { $0.record.connectionCount } == 1)
    await client.shutdown()
  }

  @Test func `each temporary refusal is reported, and so is the success in the end`() async throws {
    for code in [RefusalCode.overloaded, .internalError] {
      let server = try await FakeServer.start { server in
        let refusals = Shared(0)
        server.faults.onAppend = { append in
          guard append.stream == web, refusals.value < 2 else { return nil }
          refusals.change { $0 += 1 }
          return Refusal(code, "a test", isRetryable: true, retryAfterMilliseconds: 1)
        }
      }
      defer { server.stop() }
      let client = try LogClient(.test(server.url))
      var states = client.states.makeAsyncIterator()
      // It goes through at once, which says nothing about the other stream.
      async let other = client.append(entries(1...1), to: StreamName(checked: "other"))
      _ = try await client.append(entries(1...1), to: web)
      _ = try await other
      var seen: [String] = []
      while seen.last != "connected" || seen.count < 2, let state = await states.next() {
        switch state {
        case .connected: seen.append("connected")
        case .refusing(let error):
          #expect(error.code == .refused(code))
          seen.append("refusing")
        case .idle, .connecting, .waiting, .suspended, .closed: break
        }
      }
      #expect(seen == ["connected", "refusing", "refusing", "connected"])
      await client.shutdown()
    }
  }

  @Test func `a receipt counts the entries that were cut`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let long = ByteString(Array(repeating: UInt8(ascii: "x"), count: Limits.messageByteCountMax + 1))
    let source = ByteString(Array(repeating: UInt8(ascii: "s"), count: Limits.sourceByteCountMax + 1))
    let cut = [
      LogEntry(message: long), LogEntry(message: "1", source: source), LogEntry(message: long, source: source),
    ]
    let whole = [LogEntry(message: long[0..<Limits.messageByteCountMax]), LogEntry(message: "2")]
    #expect(try await client.append(cut + whole, to: web).truncatedCount == 3)
    #expect(try await client.append(whole, to: web).truncatedCount == 0)
    await client.shutdown()
  }

  @Test func `a permanent refusal fails that append alone`() async throws {
    let server = try await FakeServer.start {
      $0.faults.onAppend = { append in append.number == 3 || append.number == 4 ? Refusal(.badBatch, "a test") : nil }
    }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    var pending: [PendingAppend] = []
    for number in 1...20 { pending.append(try await client.submit(entries(number...number), to: web)) }
    for (index, pending) in pending.enumerated() {
      switch index + 1 {
      case 3, 4:
        let error = await #expect(throws: LogError.self) { try await pending.receipt }
        #expect(error?.code == .refused(.badBatch))
        #expect(error?.mayHaveTakenEffect == false)
        #expect(error?.isRetryable == false)
      default: _ = try await pending.receipt
      }
    }
    let stored = (1...20).filter { $0 != 3 && $0 != 4 }.map(String.init)
    #expect(try await server.onLoop { $0.streams[web]?.messages } == stored)
    await client.shutdown()
  }

  @Test func `a sealed stream accepts no more, and sealing twice with a lost answer succeeds`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    _ = try await client.submit(entries(1...2), to: web)
    try await server.onLoop { $0.faults.lostAckCount = 1 }
    let receipt = try await client.complete(web, text: "done")
    #expect(receipt.sequences == 3...3)
    let error = await #expect(throws: LogError.self) { try await client.append(entries(3...3), to: web) }
    #expect(error?.code == .refused(.streamSealed))
    await client.shutdown()
  }

  @Test func `an entry that no batch can hold is refused before anything is sent`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    var deep = AttributeValue.empty
    for _ in 0..<20 { deep = .list([deep]) }
    let bad = LogEntry(message: "x", attributes: [LogAttribute("deep", deep)])
    let error = await #expect(throws: LogError.self) { try await client.append(entries(1...3) + [bad], to: web) }
    #expect(error?.code == .invalidEntry)
    #expect(error?.message.contains("entry 3") == true)
    #expect(error?.mayHaveTakenEffect == false)
    await #expect(throws: LogError.self) { try await client.append([], to: web) }
    #expect(try await client.append(entries(1...1), to: web).sequences == 1...1)
    await client.shutdown()
  }

  @Test func `submit waits while the queue is full, and continues when there is room`() async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let submitted = Shared(0)
    let task = Task {
      // Random text does not shrink, so each of these takes about 1 MiB.
      for _ in 0..<40 {
        var text: [UInt8] = []
        for _ in 0..<(1 << 17) { withUnsafeBytes(of: UInt64.random(in: 0...UInt64.max)) { text += $0 } }
        _ = try await client.submit([LogEntry(message: ByteString(text))], to: web)
        submitted.change { $0 += 1 }
      }
    }
    await server.until { $0.record.connectionCount >= 1 }
    try await server.onLoop { server in
      server.faults.isMute = false
      for connection in server.connections { connection.cut() }
    }
    try await task.value
    await server.until { $0.streams[web]?.head == 40 }
    await client.shutdown()
  }

  @Test func `cancelling ends the wait, not the append`() async throws {
    let server = try await FakeServer.start { $0.faults.isMute = true }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let task = Task { try await client.append(entries(1...1), to: web) }
    await server.until { $0.record.connectionCount >= 1 }
    task.cancel()
    let error = await #expect(throws: LogError.self) { try await task.value }
    #expect(error?.code == .cancelled)
    #expect(error?.mayHaveTakenEffect == true)
    try await server.onLoop { server in
      server.faults.isMute = false
      for connection in server.connections { connection.cut() }
    }
    await server.until { $0.streams[web]?.head == 1 }
    await client.shutdown()
  }
}
