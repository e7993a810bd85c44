import LogsWire
import Testing

@testable import LogsClient

/// Which tokens a client shows, and when.
@Suite(.endsHangs) struct TokenRenewalTests {
  /// What the provider has, and how often it was asked.
  private final class Safe: Sendable {
    let token: Shared<String>
    let count = Shared(0)
    init(_ token: String) { self.token = Shared(token) }

    func configuration(_ server: FakeServer) -> LogClientConfiguration {
      var configuration = LogClientConfiguration.test(server.url)
      configuration.tokenProvider = { [self] in
        await Task.yield()
        count.change { $0 += 1 }
        return token.value
      }
      return configuration
    }
  }

  private struct Missing: Error {}

  /// - Returns: whether the clients that are connected answer that.
  private static func challenge(_ server: FakeServer) async throws -> [Bool] {
    try await server.onLoop { server in server.connections.map { $0.challenge() } }
  }

  @Test func `a token is asked for until it is another one, and again after a refusal`() {
    var renewal = TokenRenewal("a")
    var steps: [TokenRenewal.Step?] = [renewal.offered("b", canShow: true)]
    var asked = [renewal.ask()]
    var news = [renewal.challenged(), renewal.challenged()]
    asked += [renewal.ask(), renewal.ask()]
    for token in [nil, "", "a"] {
      steps.append(renewal.offered(token, canShow: true))
      asked.append(renewal.ask())
    }
    steps.append(renewal.offered("b", canShow: false))
    asked.append(renewal.ask())
    steps.append(renewal.offered("b", canShow: true))
    renewal.sent("b", id: 7)
    // While it is under way, nothing is asked for.
    asked.append(renewal.ask())
    steps += [renewal.answered(8, isAccepted: true), renewal.answered(7, isAccepted: false)]
    asked.append(renewal.ask())
    // It is left out twice, then shown again: the server may know it by now.
    for _ in 1...3 { steps.append(renewal.offered("b", canShow: true)) }
    asked.append(renewal.ask())
    steps.append(renewal.offered("c", canShow: true))
    renewal.sent("c", id: 9)
    steps += [renewal.answered(9, isAccepted: true), renewal.answered(9, isAccepted: true)]
    asked.append(renewal.ask())
    news.append(renewal.challenged())
    asked.append(renewal.ask())
    #expect(news == [true, false, true])
    #expect(asked == [false, true, false, true, true, true, true, false, true, true, false, true])
    #expect(
      steps == [
        .nothing, .wait, .wait, .wait, .wait, .show("b"), nil, .wait, .wait, .wait, .show("b"), .show("c"), .nothing,
        nil,
      ])
  }

  @Test func `the provider is asked at each connection, and its errors are failed attempts`() async throws {
    let server = try await FakeServer.start { server in
      try! server.fill(web, batches: 1, entryCount: 1)
      server.faults.cuts = [1, 1]
    }
    defer { server.stop() }
    let count = Shared(0)
    var configuration = LogClientConfiguration.test(server.url)
    configuration.tokenProvider = {
      count.change { $0 += 1 }
      if count.value == 2 { throw Missing() }
      return "token \(count.value)"
    }
    let client = try LogClient(configuration)
    #expect(try await client.streams().count == 1)
    #expect(try await server.onLoop { $0.record.tokens } == ["token 1", "token 3", "token 4"])
    await client.shutdown()
  }

  @Test func `a provider that never answers is a failed attempt, and holds nothing up at the end`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    var configuration = LogClientConfiguration.test(server.url)
    configuration.connectTimeout = .milliseconds(20)
    configuration.reconnectDeadline = .zero
    configuration.tokenProvider = {
      try await Task.sleep(for: .seconds(3_600))
      return "late"
    }
    let client = try LogClient(configuration)
    let error = await #expect(throws: LogError.self) { try await client.streams() }
    #expect(error?.description.contains("no token came within") == true, "\(String(describing: error))")
    await client.shutdown()
    #expect(try await server.onLoop { $0.record.tokens }.isEmpty)
  }

  @Test func `a connection goes on with another token when the server asks for one`() async throws {
    let server = try await FakeServer.start { $0.heartbeatMilliseconds = 100 }
    defer { server.stop() }
    let safe = Safe("a")
    let client = try LogClient(safe.configuration(server))
    _ = try await client.status()
    #expect(try await Self.challenge(server) == [true])
    // The same one is not shown again, however often it is looked for.
    await safe.count.until { $0 >= 4 }
    #expect(try await server.onLoop { $0.record.renewals }.isEmpty)
    try await server.onLoop { $0.faults.onRenewal = { $0 == "c" ? nil : Refusal(.unauthorized, "wrong") } }
    for token in ["b", "c"] {
      safe.token.change { $0 = token }
      await server.until { $0.record.renewals.last == token }
    }
    #expect(try await server.onLoop { $0.record.renewals } == ["b", "c"])
    #expect(try await server.onLoop { $0.record.tokens } == ["a"])
    await client.shutdown()
  }

  @Test func `a client without a provider is not asked, and a server without AUTH gets none`() async throws {
    let server = try await FakeServer.start { $0.heartbeatMilliseconds = 100 }
    defer { server.stop() }
    let plain = try LogClient(.test(server.url))
    _ = try await plain.status()
    #expect(try await Self.challenge(server) == [false])
    await plain.shutdown()

    try await server.onLoop { $0.faults.isOld = true }
    let safe = Safe("a")
    let client = try LogClient(safe.configuration(server))
    _ = try await client.status()
    safe.token.change { $0 = "b" }
    _ = try await Self.challenge(server)
    await safe.count.until { $0 >= 3 }
    _ = try await client.status()
    #expect(try await server.onLoop { $0.record.renewals }.isEmpty)
    #expect(try await server.onLoop { $0.record.connectionCount } == 2)
    await client.shutdown()
  }

  /// A provider that returns the numbers of its calls, and hangs in the next one when told so.
  private final class Hanging: Sendable {
    let count = Shared(0)
    let hangCount = Shared(0)
    let endCount = Shared(0)
    private let isArmed = Shared(false)
    private let isReleased = Shared(false)
    private let isHeeding: Bool

    /// - Parameter isHeeding: whether cancellation ends the call.
    init(isHeeding: Bool) { self.isHeeding = isHeeding }

    func configuration(_ server: FakeServer) -> LogClientConfiguration {
      var configuration = LogClientConfiguration.test(server.url)
      configuration.tokenProvider = { [self] in
        count.change { $0 += 1 }
        guard isArmed.value else { return "token \(count.value)" }
        isArmed.change { $0 = false }
        hangCount.change { $0 += 1 }
        defer { endCount.change { $0 += 1 } }
        if isHeeding { try await Task.sleep(for: .seconds(3_600)) } else { await isReleased.until { $0 } }
        return "late"
      }
      return configuration
    }

    /// - Returns: the last token before that.
    func hang() -> Int {
      isArmed.change { $0 = true }
      return count.value
    }

    func release() { isReleased.change { $0 = true } }
  }

  @Test func `a provider that hangs while a connection wants a token is asked again, and what it says late is ignored`()
    async throws
  {
    let server = try await FakeServer.start { $0.heartbeatMilliseconds = 100 }
    defer { server.stop() }
    let provider = Hanging(isHeeding: false)
    var configuration = provider.configuration(server)
    configuration.connectTimeout = .seconds(1)
    let client = try LogClient(configuration)
    _ = try await client.status()
    let last = provider.hang()
    _ = try await Self.challenge(server)
    await server.until { !$0.record.renewals.isEmpty }
    provider.release()
    await provider.endCount.until { $0 == 1 }
    _ = try await client.status()
    let renewals = try await server.onLoop { $0.record.renewals }
    // On a busy machine more than one answer may take longer than the second that it has.
    #expect(!renewals.isEmpty && renewals.allSatisfy { $0.hasPrefix("token ") }, "\(renewals)")
    #expect(try await server.onLoop { $0.record.tokens.last } == "token \(last)")
    await client.shutdown()
  }

  @Test func `a connection that ends while the provider hangs is made again with what it says next`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let provider = Hanging(isHeeding: true)
    let client = try LogClient(provider.configuration(server))
    _ = try await client.status()
    let last = provider.hang()
    _ = try await Self.challenge(server)
    await provider.hangCount.until { $0 == 1 }
    try await server.onLoop {
      $0.goDown()
      $0.comeUp()
    }
    await provider.endCount.until { $0 == 1 }
    _ = try await client.status()
    #expect(try await server.onLoop { $0.record.tokens } == ["token \(last)", "token \(last + 2)"])
    await client.shutdown()
  }

  @Test(arguments: [true, false]) func `neither suspending nor shutting down waits for a provider that hangs`(
    isHeeding: Bool
  ) async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    for suspends in [true, false] {
      let provider = Hanging(isHeeding: isHeeding)
      let client = try LogClient(provider.configuration(server))
      _ = try await client.status()
      let last = provider.hang()
      _ = try await Self.challenge(server)
      await provider.hangCount.until { $0 == 1 }
      if suspends { await client.suspend() } else { await client.shutdown() }
      #expect(isHeeding || provider.endCount.value == 0)
      provider.release()
      // One that heeds it is cancelled.
      await provider.endCount.until { $0 == 1 }
      if suspends {
        await client.resume()
        _ = try await client.status()
        #expect(try await server.onLoop { $0.record.tokens } == ["token \(last)", "token \(last + 2)"])
        await client.shutdown()
      }
    }
    #expect(try await server.onLoop { $0.record.renewals }.isEmpty)
  }

  @Test func `a server that stops asks for no token`() async throws {
    let server = try await FakeServer.start()
    defer { server.stop() }
    let provider = Hanging(isHeeding: true)
    let client = try LogClient(provider.configuration(server))
    _ = try await client.status()
    let last = provider.hang()
    #expect(
      try await server.onLoop { server in
        server.goAway(retryAfterMilliseconds: 3_600_000)
        return server.connections.map { $0.challenge() }
      } == [false])
    await client.shutdown()
    #expect(provider.count.value == last && provider.hangCount.value == 0)
  }
}
