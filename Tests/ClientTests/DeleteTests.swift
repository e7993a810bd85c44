import LogsClient
import LogsWire
import Testing

@Suite(.endsHangs) struct DeleteTests {
  @Test func `a dry run changes nothing, a range and a stream are deleted, and the answers say what went`() async throws
  {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 3, entryCount: 10) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let look = try await client.delete(web, numbers: 1...20, dryRun: true)
    #expect(look.numbers == 1...20 && look.entryCount == 20 && look.byteCount == 2_000)
    #expect(try await client.delete(web, numbers: 1...20, of: look.incarnation) == look)
    let again = try await client.delete(web, numbers: 1...20, of: look.incarnation)
    #expect(again.numbers == nil && again.entryCount == 0)
    #expect(try await client.delete(web, of: look.incarnation).numbers == 21...30)
    #expect(try await client.streams().isEmpty)
    let requests = try await server.onLoop { $0.record.deletions }
    #expect(requests.map(\.isDryRun) == [true, false, false, false])
    #expect(requests.map(\.numbers) == [1...20, 1...20, 1...20, nil])
    #expect(requests.map(\.incarnation) == [.any, look.incarnation, look.incarnation, look.incarnation])
    await client.shutdown()
  }

  @Test func `a stream that is not there, or is another one, is not deleted`() async throws {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 1, entryCount: 1) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    let look = try await client.delete(web, dryRun: true)
    try await server.onLoop { $0.replace(web) }
    var error = await #expect(throws: LogError.self) { try await client.delete(web, of: look.incarnation) }
    #expect(error?.code == .refused(.streamReplaced) && error?.mayHaveTakenEffect == false)
    error = await #expect(throws: LogError.self) { try await client.delete(StreamName(checked: "db")) }
    #expect(error?.code == .refused(.unknownStream) && error?.isRetryable == false)
    await client.shutdown()
  }

  @Test(arguments: [0...5, 1...UInt64(1) << 63]) func `numbers that no entry can have are refused without a server`(
    _ numbers: ClosedRange<UInt64>
  ) async throws {
    let client = try LogClient(.test("logs://127.0.0.1:1"))
    let error = await #expect(throws: LogError.self) { try await client.delete(web, numbers: numbers) }
    #expect(error?.code == .invalidRequest)
    await client.shutdown()
  }

  @Test func `a deletion whose answer is lost may have taken effect, and is not sent again`() async throws {
    let server = try await FakeServer.start { server in
      try! server.fill(web, batches: 1, entryCount: 5)
      server.faults.lostDeletionCount = 1
    }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    var error = await #expect(throws: LogError.self) { try await client.delete(web) }
    #expect(error?.code == .connectionLost && error?.mayHaveTakenEffect == true && error?.isRetryable == false)
    #expect(error?.message.contains("may have taken effect") == true)
    // The client goes on over another connection.
    error = await #expect(throws: LogError.self) { try await client.delete(web) }
    #expect(error?.code == .refused(.unknownStream) && error?.mayHaveTakenEffect == false)
    #expect(try await server.onLoop { $0.record.deletions.count } == 2)
    await client.shutdown()
  }

  @Test func `a dry run whose answer is lost is asked for again`() async throws {
    let server = try await FakeServer.start { server in
      try! server.fill(web, batches: 1, entryCount: 5)
      server.faults.lostDeletionCount = 2
    }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    #expect(try await client.delete(web, dryRun: true).entryCount == 5)
    #expect(try await server.onLoop { $0.record.deletions.count } == 3)
    await client.shutdown()
  }

  @Test func `a deletion that was not taken is sent again, one that may have been is not`() async throws {
    let server = try await FakeServer.start { server in
      try! server.fill(web, batches: 1, entryCount: 5)
      let count = Shared(0)
      server.faults.onDelete = { _ in
        count.change { $0 += 1 }
        switch count.value {
        case 1: return Refusal(.overloaded, "a test", isRetryable: true)
        case 3: return Refusal(.storageFailed, "a test", isRetryable: true, mayHaveTakenEffect: true)
        default: return nil
        }
      }
    }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    #expect(try await client.delete(web, numbers: 1...5).entryCount == 5)
    #expect(try await server.onLoop { $0.record.deletions.count } == 2)
    let error = await #expect(throws: LogError.self) { try await client.delete(web) }
    #expect(error?.code == .refused(.storageFailed) && error?.mayHaveTakenEffect == true)
    #expect(try await server.onLoop { $0.record.deletions.count } == 3)
    await client.shutdown()
  }

  /// What ends the wait for an answer.
  enum Interruption: CaseIterable {
    case cancellation
    case suspension
    case shutdown
  }

  @Test(arguments: Interruption.allCases)
  func `a deletion that was sent fails when the client does not wait for its answer`(_ interruption: Interruption)
    async throws
  {
    let server = try await FakeServer.start { try! $0.fill(web, batches: 1, entryCount: 5) }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    _ = try await client.status()
    try await server.onLoop { $0.faults.isMute = true }
    let deletion = Task { try await client.delete(web) }
    await server.until { $0.wasSent(.delete) }
    let code: LogError.Code
    switch interruption {
    case .cancellation:
      deletion.cancel()
      code = .cancelled
    case .suspension:
      await client.suspend()
      code = .suspended
    case .shutdown:
      await client.shutdown(deadline: .zero)
      code = .closed
    }
    let error = await #expect(throws: LogError.self) { try await deletion.value }
    #expect(error?.code == code && error?.mayHaveTakenEffect == true)
    await client.shutdown(deadline: .zero)
  }

  @Test func `a deletion that was not sent yet waits for a connection, or fails without effect`() async throws {
    let server = try await FakeServer.start { server in
      try! server.fill(web, batches: 1, entryCount: 5)
      server.faults.cuts = [0, 0]
    }
    defer { server.stop() }
    let client = try LogClient(.test(server.url))
    #expect(try await client.delete(web).entryCount == 5)
    await client.shutdown()

    var configuration = LogClientConfiguration.test("logs://127.0.0.1:1")
    configuration.reconnectDeadline = .zero
    let other = try LogClient(configuration)
    let error = await #expect(throws: LogError.self) { try await other.delete(web) }
    #expect(error?.code == .gaveUp && error?.mayHaveTakenEffect == false)
    await other.shutdown()
  }
}
