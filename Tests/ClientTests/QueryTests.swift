import LogsClient
import LogsWire
import Testing

/// Searching streams of a fake server, which lets every entry through.
@Suite(.endsHangs) struct QueryTests {
  private func names(_ count: Int) -> [StreamName] {
    (0..<count).map { number in
      let digits = "\(number)"
      return StreamName(checked: "s/\(String(repeating: "0", count: 4 - digits.count))\(digits)")
    }
  }

  private let all = [StreamSelector.pattern(.all)]

  /// What was found, by stream.
  private func numbers(_ query: QuerySequence) async throws -> [StreamName: [UInt64]] {
    var numbers: [StreamName: [UInt64]] = [:]
    for try await entry in query {
      #expect(entry.entry.number == entry.entry.sequence)
      numbers[entry.stream, default: []].append(entry.entry.sequence)
    }
    return numbers
  }

  @Test(arguments: [false, true]) func `everything stored comes once and in order, while links are cut`(
    isReverse: Bool
  ) async throws {
    let seed = testSeed()
    let names = names(40)
    let server = try await FakeServer.start { server in
      for (index, name) in names.enumerated() {
        try! server.fill(name, batches: 1 + index % 4, entryCount: index == 7 ? 900 : 30)
      }
      var generator = SeededGenerator(seed: seed)
      server.faults.cuts = (0..<20).map { _ in Int.random(in: 20...120, using: &generator) }
    }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let found = try await numbers(client.query(all, isReverse: isReverse))
    #expect(found.count == names.count)
    for (index, name) in names.enumerated() {
      let head = UInt64((1 + index % 4) * (index == 7 ? 900 : 30))
      #expect(found[name] == (isReverse ? (1...head).reversed() : Array(1...head)), "\(name)")
    }
    await client.shutdown()
  }

  @Test func `a limit counts entries of all streams, and those of one time come by name`() async throws {
    let names = names(3)
    let server = try await FakeServer.start { for name in names { try! $0.fill(name, batches: 2, entryCount: 10) } }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    var found: [StreamEntry] = []
    for try await entry in client.query(all, limit: 25) { found.append(entry) }
    #expect(found.map(\.stream) == Array(repeating: names[0], count: 20) + Array(repeating: names[1], count: 5))
    let one = try await numbers(client.query([.stream(names[2])], limit: 3, isReverse: true))
    #expect(one == [names[2]: [20, 19, 18]])
    await client.shutdown()
  }

  @Test func `what is stored later is no part of it`() async throws {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 3, entryCount: 10) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    var iterator = client.query(all).makeAsyncIterator()
    #expect(try await iterator.next()?.entry.sequence == 1)
    try await server.onLoop {
      try $0.fill(web, batches: 1, entryCount: 10)
      try $0.fill(StreamName(checked: "later"), batches: 1, entryCount: 10)
    }
    var last: UInt64 = 1
    while let entry = try await iterator.next() { last = entry.entry.sequence }
    #expect(last == 30)
    await client.shutdown()
  }

  @Test func `few requests are open, however many streams there are`() async throws {
    let names = names(300)
    let server = try await FakeServer.start { for name in names { try! $0.fill(name, batches: 1, entryCount: 2_000) } }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    var iterator = client.query(all).makeAsyncIterator()
    for _ in 0..<10 { _ = try await iterator.next() }
    #expect(try await server.onLoop { $0.record.openFollowCountMax } <= 64)
    await client.shutdown()
  }

  @Test func `the server stops when nobody reads any more, or the task is cancelled`() async throws {
    let names = names(4)
    let server = try await FakeServer.start {
      // More than the windows hold.
      for name in names { try! $0.fill(name, batches: 20, entryCount: 100, padding: 1_000) }
    }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    do {
      var iterator = client.query(all).makeAsyncIterator()
      _ = try await iterator.next()
    }
    await server.until { $0.record.cancelCount == 4 }
    do {
      var iterator = client.query(all, limit: 3).makeAsyncIterator()
      while try await iterator.next() != nil {}
      // The iterator is still there.
      #expect(try await iterator.next() == nil)
    }
    let task = Task {
      var count = 0
      for try await _ in client.query(self.all) {
        count += 1
        if count == 5 { withUnsafeCurrentTask { $0?.cancel() } }
      }
      return count
    }
    #expect(try await task.value < 8_000)
    await server.until { $0.record.cancelCount >= 8 }
    await client.shutdown()
  }

  @Test func `too many streams are refused by name of the limit, and so is what asks for nothing`() async throws {
    let names = names(1_025)
    let server = try await FakeServer.start { for name in names { try! $0.fill(name, batches: 1, entryCount: 1) } }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    var error = await #expect(throws: LogError.self) { for try await _ in client.query(self.all) {} }
    #expect(error?.code == .invalidRequest && error?.message.contains("query-streams") == true)
    let most = try await numbers(client.query([.pattern(StreamPattern("s/0*"))]))
    #expect(most.count == 1_000)
    error = await #expect(throws: LogError.self) { for try await _ in client.query(self.all, limit: 0) {} }
    #expect(error?.code == .invalidRequest)
    error = await #expect(throws: LogError.self) { for try await _ in client.query(self.all, since: 2, until: 1) {} }
    #expect(error?.code == .invalidRequest)
    error = await #expect(throws: LogError.self) {
      for try await _ in client.query(self.all).context(before: 10_001) {}
    }
    #expect(error?.code == .invalidRequest)
    await client.shutdown()
    error = await #expect(throws: LogError.self) { for try await _ in client.query(self.all) {} }
    #expect(error?.code == .closed)
  }

  @Test func `lost entries are a gap, and trimmed ones are none`() async throws {
    let server = try await FakeServer.start { server in
      try! server.fill(web, batches: 4, entryCount: 5)
      server.faults.skips = [1: .trimmed, 11: .lost]
    }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let error = await #expect(throws: LogError.self) { for try await _ in client.query(self.all) {} }
    #expect(error?.code == .dataMissing && error?.message.contains("11 to 15") == true)
    let gaps = Shared<[ClosedRange<UInt64>]>([])
    let found = try await numbers(
      client.query(all, onGap: .report { skip in gaps.change { $0.append(skip.range) } }))
    #expect(found[web] == Array(6...10) + Array(16...20))
    #expect(gaps.value == [11...15])
    await client.shutdown()
  }
}
