import LogsClient
import LogsWire
import Testing

@Suite(.endsHangs) struct FollowTests {
  @Test(arguments: [false, true]) func `stored entries come first, then new ones, on one connection`(isDivided: Bool)
    async throws
  {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 10, entryCount: 10) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url, isDivided: isDivided))
    var followed = Followed()
    for try await event in client.follow([.stream(web)]) {
      try followed.take(event)
      if case .live = event { try await server.onLoop { try $0.fill(web, batches: 5, entryCount: 3) } }
      if followed.sequences[web]?.last == 115 { break }
    }
    #expect(followed.sequences[web] == Array(1...115))
    #expect(followed.announced.map(\.stream) == [web])
    #expect(followed.announced.map(\.start) == [0])
    #expect(followed.announced.map(\.head) == [100])
    #expect(followed.resolvedCount == 1)
    #expect(followed.liveCount == 1)
    #expect(followed.cursor[web]?.sequence == 115)
    await client.shutdown()
  }

  @Test func `a sequence of entries throws at a gap, unless it is set to continue`() async throws {
    for (reason, isMissing) in [(SkipReason.lost, true), (.trimmed, true), (.deleted, true), (.filtered, false)] {
      let server = try await FakeServer.start { server in
        try! server.fill(web, batches: 4, entryCount: 10)
        server.faults.skips = [11: reason]
      }
      defer { server.stop() }
      let client = try LogClient(.test(server.url))
      let subscription = client.follow([.stream(web)], until: FollowEnd(atHead: true))
      func numbers(_ entries: EntrySequence) async throws -> [UInt64] {
        try await entries.reduce(into: []) { $0.append($1.entry.number) }
      }
      let whole = Array(1...10) + Array<UInt64>(21...40)
      var iterator = subscription.entries.makeAsyncIterator()
      var seen: [UInt64] = []
      var failure: LogError?
      do { while let entry = try await iterator.next() { seen.append(entry.entry.number) } } catch { failure = error }
      #expect(seen == (isMissing ? Array(1...10) : whole))
      #expect(failure?.code == (isMissing ? .dataMissing : nil))
      if isMissing { #expect(failure?.message.contains("11 to 20") == true) }
      // It is over, and does not go on after the gap.
      #expect(try await iterator.next() == nil)

      #expect(try await numbers(subscription.entries(onGap: .ignore)) == whole)
      let gaps = Shared<[SkippedRange]>([])
      let told = subscription.entries(onGap: .report { gap in gaps.change { $0.append(gap) } })
      #expect(try await numbers(told) == whole)
      #expect(gaps.value.map(\.range) == (isMissing ? [11...20] : []))
      await client.shutdown()
    }
  }

  @Test func `an early end is an error, for the whole subscription and for its parts`() async throws {
    for isDivided in [false, true] {
      let server = try await FakeServer.start { server in
        try! server.fill(web, batches: 4, entryCount: 10)
        server.faults.endsEarly = true
      }
      defer { server.stop() }
      let client = try LogClient(.test(server.url, isDivided: isDivided))
      let followed = client.follow([.stream(web)], until: FollowEnd(atHead: true)).entries
      let error = await #expect(throws: LogError.self) { for try await _ in followed {} }
      #expect(error?.code == .refused(.protocolViolation))
      #expect(error?.isRetryable == false)
      // The others continue over a new connection.
      #expect(try await client.append(entries(41...41), to: web).sequences == 41...41)
      await client.shutdown()
    }
  }

  @Test func `entries come one by one with their streams`() async throws {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 3, entryCount: 5) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    var numbers: [UInt64] = []
    for try await entry in client.follow([.pattern(.all)], until: FollowEnd(atHead: true)).entries {
      #expect(entry.stream == web)
      numbers.append(entry.entry.number)
    }
    #expect(numbers == Array(1...15))
    await client.shutdown()
  }

  @Test(arguments: [
    (FollowStart.first, 1), (.now, 101), (.last(7), 94), (.last(1000), 1), (.from(42), 42), (.from(101), 101),
  ]) func `delivery starts at the requested position`(start: FollowStart, first: Int) async throws {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 10, entryCount: 10) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let followed = try await Followed.all(client.follow([.stream(web)], from: start, until: FollowEnd(atHead: true)))
    #expect(followed.sequences[web] ?? [] == Array(UInt64(first)..<101))
    #expect(followed.end == .until)
    await client.shutdown()
  }

  @Test(arguments: [false, true]) func `ends: sequence number, limit, sealed stream`(isDivided: Bool) async throws {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 10, entryCount: 10) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url, isDivided: isDivided))
    let bySequence = try await Followed.all(client.follow([.stream(web)], until: FollowEnd(sequence: 33)))
    #expect(bySequence.sequences[web] == Array(1...33))
    #expect(bySequence.end == .until)
    let byLimit = try await Followed.all(client.follow([.stream(web)], from: .from(5), until: FollowEnd(limit: 17)))
    #expect(byLimit.sequences[web] == Array(5...21))
    #expect(byLimit.end == .limit)
    let last = try await client.complete(web, text: "101 is the last")
    #expect(last.sequences == 101...101)
    let bySeal = try await Followed.all(client.follow([.stream(web)], from: .last(3)))
    #expect(bySeal.sequences[web] == [99, 100, 101])
    #expect(bySeal.end == .complete)
    await client.shutdown()
  }

  @Test(arguments: [false, true]) func `in reverse the newest come first, down to the start`(isDivided: Bool)
    async throws
  {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 10, entryCount: 10) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url, isDivided: isDivided))
    var ranges: [ClosedRange<UInt64>] = []
    var numbers: [UInt64] = []
    for try await event in client.follow([.stream(web)], from: .from(25), isReverse: true) {
      if case .batch(let batch) = event {
        ranges.append(batch.range)
        numbers += try batch.entries().map(\.sequence)
      }
    }
    #expect(ranges.first == 91...100)
    #expect(ranges.last == 25...30)
    #expect(numbers == Array((25...100).reversed()))
    let entries = client.follow([.stream(web)], until: FollowEnd(limit: 3), isReverse: true).entries
    #expect(try await entries.reduce(into: []) { $0.append($1.entry.number) } == [100, 99, 98])
    await client.shutdown()
  }

  @Test func `a follower that does not read holds no more than its credit and a frame`() async throws {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 200, entryCount: 10, padding: 1000) }
    defer { server.stop() }
    var configuration = LogClientConfiguration.test(server.url)
    configuration.followCreditByteCount = 64 << 10
    let client = try LogClient(configuration)
    var iterator = client.follow([.stream(web)], until: FollowEnd(atHead: true)).makeAsyncIterator()
    // The first event starts it; then nothing is read until the server has stopped sending.
    var followed = Followed()
    if let event = try await iterator.next() { try followed.take(event) }
    await server.until { $0.record.deliveredByteCount >= 64 << 10 }
    _ = try await client.status()
    let stopped = try await server.onLoop { $0.record.deliveredByteCount }
    #expect(stopped < (64 << 10) + (16 << 10))
    while let event = try await iterator.next() { try followed.take(event) }
    #expect(followed.sequences[web] == Array(1...2000))
    await client.shutdown()
  }

  @Test func `credit follows consumption, and a new connection gets only the rest`() async throws {
    let window = 64 << 10
    let server = try await FakeServer.start { try! $0.fill(web, batches: 400, entryCount: 1, padding: 2000) }
    defer { server.stop() }
    var configuration = LogClientConfiguration.test(server.url)
    configuration.followCreditByteCount = window
    let client = try LogClient(configuration)
    var iterator = client.follow([.stream(web)]).makeAsyncIterator()
    var taken = 0
    var sequence: UInt64 = 0
    for round in 1...4 {
      // Up to a quarter of the window is taken without being reported.
      while taken < round * window / 4 {
        guard case .batch(let batch) = try await iterator.next() else { continue }
        taken += batch.storedByteCount
        #expect(batch.range.lowerBound == sequence + 1)
        sequence = batch.range.upperBound
      }
      let least = taken - window / 4 + window
      await server.until { $0.record.deliveredByteCount >= least }
      _ = try await client.status()
      let delivered = try await server.onLoop { $0.record.deliveredByteCount }
      #expect(delivered <= taken + window + 4096, "round \(round)")
    }
    // Nearly the whole window waits here, so the next connection may deliver hardly anything.
    try await server.onLoop { for connection in $0.connections { connection.cut() } }
    await server.until { $0.record.follows.count >= 2 }
    let credit = try await server.onLoop { $0.record.follows[1].credit }
    #expect(credit <= 8192)
    while sequence < 400 {
      guard case .batch(let batch) = try await iterator.next() else { continue }
      #expect(batch.range.lowerBound == sequence + 1)
      sequence = batch.range.upperBound
    }
    await client.shutdown()
  }

  @Test func `cancelling the task notifies the server and ends without a last event`() async throws {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 1, entryCount: 1) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let isLive = Shared(false)
    let task = Task {
      try await Followed.all(client.follow([.stream(web)])) { followed in
        isLive.change { $0 = followed.liveCount > 0 }
        return false
      }
    }
    await isLive.until { $0 }
    task.cancel()
    let followed = try await task.value
    #expect(followed.end == nil)
    #expect(followed.sequences[web] == [1])
    await server.until { $0.record.cancelCount >= 1 }
    await client.shutdown()
  }

  @Test(arguments: [false, true]) func `leaving the loop notifies the server`(isDivided: Bool) async throws {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 5, entryCount: 1) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url, isDivided: isDivided))
    for try await event in client.follow([.stream(web)]) { if case .batch = event { break } }
    await server.until { $0.record.cancelCount >= 1 }
    await client.shutdown()
  }

  @Test func `invalid requests are refused without a server`() async throws {
    let client = try LogClient(.test("logs://127.0.0.1:1"))
    for subscription in [
      client.follow([]), client.follow([.stream(web)], from: .from(0)),
      client.follow([.stream(web)], until: FollowEnd(limit: 0)),
      client.follow(Array(repeating: .stream(web), count: 1025)),
    ] {
      let error = await #expect(throws: LogError.self) { try await Followed.all(subscription) }
      #expect(error?.code == .invalidRequest)
    }
    await client.shutdown()
  }

  @Test func `a permanent refusal ends the subscription, a temporary one does not`() async throws {
    let server = try await FakeServer.start { server in
      try! server.fill(web, batches: 1, entryCount: 5)
      let count = Shared(0)
      server.faults.onFollow = { _ in
        count.change { $0 += 1 }
        switch count.value {
        case 1...3: return Refusal(.overloaded, "a test", isRetryable: true, retryAfterMilliseconds: 1)
        case 5: return Refusal(.forbidden, "a test")
        default: return nil
        }
      }
    }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let followed = try await Followed.all(client.follow([.stream(web)], until: FollowEnd(atHead: true)))
    #expect(followed.sequences[web] == Array(1...5))
    #expect((1...3).contains(followed.interruptionCount))
    let error = await #expect(throws: LogError.self) { try await Followed.all(client.follow([.stream(web)])) }
    #expect(error?.code == .refused(.forbidden))
    #expect(error?.isRetryable == false)
    await client.shutdown()
  }

  @Test(arguments: [false, true]) func `waits grow while a subscription is accepted and fails, until entries come`(
    isDivided: Bool
  ) async throws {
    let server = try await FakeServer.start { server in
      try! server.fill(web, batches: 1, entryCount: 5)
      let count = Shared(0)
      server.faults.onDelivery = {
        count.change { $0 += 1 }
        return count.value <= 4 ? Refusal(.storageFailed, "a test", isRetryable: true) : nil
      }
    }
    defer { server.stop() }
    var configuration = LogClientConfiguration.test(server.url, isDivided: isDivided)
    let bounds = Shared<[UInt64]>([])
    configuration.random = { bound in
      bounds.change { $0.append(bound / 1_000_000) }
      return 0
    }
    let client = try LogClient(configuration)
    var iterator = client.follow([.stream(web)]).makeAsyncIterator()
    var followed = Followed()
    while followed.sequences[web]?.last != 5, let event = try await iterator.next() { try followed.take(event) }
    #expect(bounds.value == [1, 2, 4, 5])
    #expect(followed.sequences[web] == Array(1...5))
    await client.shutdown()
  }

  @Test(arguments: [false, true]) func `a cursor that does not fit the server's data is an error, never a silent wait`(
    isDivided: Bool
  ) async throws {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 1, entryCount: 5) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url, isDivided: isDivided))
    let ahead = LogCursor([CursorPosition(stream: web, incarnation: .any, sequence: 6)])
    var error = await #expect(throws: LogError.self) {
      try await Followed.all(client.follow([.stream(web)], cursor: ahead))
    }
    #expect(error?.code == .refused(.cursorAhead))
    #expect(error?.refusal?.stream?.head == 5)
    let other = LogCursor([CursorPosition(stream: web, incarnation: Incarnation(99), sequence: 2)])
    error = await #expect(throws: LogError.self) {
      try await Followed.all(client.follow([.stream(web)], cursor: other))
    }
    #expect(error?.code == .refused(.streamReplaced))
    #expect(error?.isRetryable == false)
    await client.shutdown()
  }

  @Test func `a subscription keeps its client alive, and the client ends with it`() async throws {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 2, entryCount: 5) }
    defer { server.stop() }
    let followed = try await Followed.all(
      LogClient(.test(server.url)).follow([.stream(web)], until: FollowEnd(atHead: true)))
    #expect(followed.sequences[web] == Array(1...10))
    await server.until { $0.record.openConnectionCount == 0 }
  }
}
